import type { LayerReport } from '@tamp/core';
import type { Quality, RunResult } from '@tamp/recipe';

/** An epoch of training. */
export type EpochReport = NonNullable<RunResult['training']>[number];

/** What a report shows: the outcome of one run. */
export interface ReportData {
  /** The model's path or address, as the recipe names it. */
  readonly model: string;
  /** Quality before and after, where there was data to evaluate on. */
  readonly evaluation: { readonly before: Quality | null; readonly after: Quality | null };
  /** What each epoch of training came to. */
  readonly training?: readonly EpochReport[];
  /** Bytes of the parameters. */
  readonly sizes: { readonly before: number; readonly after: number };
  readonly artifacts: readonly { readonly path: string; readonly bytes: number }[];
  readonly layers: readonly LayerReport[];
  readonly seconds: number;
  readonly peakMemoryBytes: number | null;
}
