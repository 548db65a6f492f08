import type * as tf from '@tensorflow/tfjs-core';
import type { ProgramInput } from '../program/compute-program.js';
import type { PackedWeight } from './packed-weight.js';

/** x times a packed weight, plus bias. */
export interface GroupwiseProduct {
  readonly x: tf.TensorInfo;
  readonly m: number;
  readonly weight: PackedWeight;
  /** Empty, or the input `bias`. */
  readonly bias: readonly ProgramInput[];
  /** Threads of the device's smallest subgroups, when sums may use them. */
  readonly smallestSubgroup: number | undefined;
}
