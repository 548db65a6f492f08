import type { LayerReport } from '@tamp/core';
import type { EpochReport } from '@tamp/training-pipeline';
import type { Artifact } from '../host.js';

/** Quality of a model: on the evaluation text, on the validation samples, or on both. */
export interface Quality {
  readonly perplexity?: number;
  /** Mean loss on the validation samples. */
  readonly loss?: number;
  /** Share of the validation samples that are classified rightly. */
  readonly accuracy?: number;
}

/** What a run did, as plain data: what `--json` prints and reports show. */
export interface RunResult {
  /** The model that was read: an absolute path, or what the host calls it. */
  readonly model: string;
  /** `null` where nothing was evaluated. */
  readonly evaluation: { readonly before: Quality | null; readonly after: Quality | null };
  /** Bytes of the model's parameters, uncompressed, before and after. */
  readonly sizes: { readonly before: number; readonly after: number };
  /** Files that were written; none when a gate was missed. */
  readonly artifacts: readonly Artifact[];
  /** What each epoch of training came to; absent when nothing was trained. */
  readonly training?: readonly EpochReport[];
  /** What was done to each layer, in the order it was done. */
  readonly layers: readonly LayerReport[];
  /** Duration of the run. */
  readonly seconds: number;
  /** Most memory of the process so far, itself included; `null` where it cannot be known. */
  readonly peakMemoryBytes: number | null;
}

/** A gate that a run missed. */
export interface MissedGate {
  /** Its key in the recipe. */
  readonly gate: 'perplexityIncrease' | 'accuracyDrop' | 'maxBytes';
  readonly limit: number;
  readonly actual: number;
  /** The file that is too large. */
  readonly artifact?: string;
}

/** A finished run. */
export interface RunOutcome {
  readonly result: RunResult;
  /** Empty when the run kept what it must. */
  readonly missedGates: readonly MissedGate[];
}
