import type { LayerReport } from '@tamp/core';

/** What a report shows: the outcome of one run. */
export interface ReportData {
  /** The model's path or address, as the recipe names it. */
  readonly model: string;
  /** Perplexity before and after, where there was evaluation data. */
  readonly evaluation: {
    readonly before: { readonly perplexity: number } | null;
    readonly after: { readonly perplexity: number } | null;
  };
  /** Bytes of the parameters. */
  readonly sizes: { readonly before: number; readonly after: number };
  readonly artifacts: readonly { readonly path: string; readonly bytes: number }[];
  readonly layers: readonly LayerReport[];
  readonly seconds: number;
  readonly peakMemoryBytes: number | null;
}
