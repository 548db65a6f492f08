import type { TrainingHookState } from '@tamp/core';
import type { EpochReport } from '../report.js';

/** A tensor's values under a name. */
export interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * A training after some epochs, as plain data: going on from it gives what the undisturbed training gives, to the bit
 * on the same backend.
 */
export interface TrainingCheckpoint {
  readonly format: 'tamp-training';
  readonly version: 1;
  /** Epochs that are done. */
  readonly epoch: number;
  readonly step: number;
  readonly parameters: readonly SavedTensor[];
  /** Variables of modifiers, by modifier and name. */
  readonly trained: readonly SavedTensor[];
  /** Of the model's optimizer, then of the modifiers' variables. */
  readonly optimizers: readonly (readonly SavedTensor[])[];
  readonly hooks: readonly TrainingHookState[];
  readonly history: readonly EpochReport[];
}
