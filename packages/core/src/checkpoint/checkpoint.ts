import type { AttributeValue, Graph, ValueDtype } from '../graph/graph.js';
import type { LayerReport } from '../model/model-editor.js';
import type { Parameter } from '../parameters/parameter.js';

/** A value between two subgraphs, and who needs it. */
export interface SavedValue {
  readonly users: readonly { readonly batch: number; readonly name: string }[];
  readonly shape: readonly number[];
  readonly dtype: ValueDtype;
  /** Little-endian values. */
  read(): Promise<Uint8Array>;
}

/** Where a run stands: between two regions, or between two layers of its first modifier. */
export interface Checkpoint {
  /** Index of the region that comes next, or of the modifier where there is only one; their number when all are done. */
  readonly next: number;
  /** The graph as rewritten so far. */
  readonly graph: Graph;
  /** Parameters that are not the original model's. */
  readonly parameters: readonly Parameter[];
  /** Names of the parameters that were finished, in their order; one that was rewritten later comes as often. */
  readonly finished: readonly string[];
  /** Names of the original model's parameters that are gone. */
  readonly removed: readonly string[];
  readonly values: readonly SavedValue[];
  readonly layers: readonly LayerReport[];
  /** What each modifier gave as its state, in their order; null where it has none. */
  readonly states: readonly AttributeValue[];
}

/** Keeps the last {@link Checkpoint} of one run, so that a later process can go on from it. */
export interface CheckpointStore {
  /** The last one that was saved whole; undefined when there is none. Rejects with a `TampError` when it is damaged. */
  load(): Promise<Checkpoint | undefined>;
  /** Replaces the last one; when it rejects, that one is still there. Parameters saved before are not written again. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Closes files; what was loaded can no longer be read. */
  close(): Promise<void>;
}
