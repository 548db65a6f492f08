import * as tf from '@tensorflow/tfjs-core';
import { fusedKernel } from './fused.js';

/** Rows are given room in multiples of this many. */
const step = 64;

/**
 * Rows for which a kernel makes room when `length` rows outgrow their memory: half as many again, so that appending one
 * row at a time copies three times as many rows as there are in the end, at most.
 */
export function roomForRows(length: number): number {
  return Math.ceil((length * 1.5) / step) * step;
}

/**
 * Rows behind rows: past [batch, length, width] and rows [batch, added, width] → [batch, length + added, width]. Where
 * the backend has `TampAppendRows` and the batch is 1, the result may lie in past's own memory, behind it; past keeps
 * its rows. Reading such a tensor with `data()` gives further values behind its own.
 */
export function appendRows(past: tf.Tensor, rows: tf.Tensor): tf.Tensor {
  return (
    fusedKernel('TampAppendRows', { past, rows }, {}) ??
    tf.concat([past as tf.Tensor3D, rows as tf.Tensor3D], 1)
  );
}
