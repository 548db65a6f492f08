import * as tf from '@tensorflow/tfjs-core';
import type { DampedFactor } from '../factor/damped-factor.js';

/** More rows than this are sampled evenly. */
const mostRows = 256;

/**
 * Share of the energy (sum of squares) of a layer's output on the calibration data that the difference between two
 * weights [rows, columns] makes up: Σ (w − ŵ) H (w − ŵ)ᵀ / Σ w H wᵀ, over at most 256 evenly spaced rows. `importance`
 * is the mean square of each column's input.
 */
export async function outputEnergyLost(
  original: Float32Array,
  quantized: Float32Array,
  rows: number,
  factor: DampedFactor,
  importance: Float32Array,
): Promise<number> {
  const { columns, order, values, added } = factor;
  const count = Math.min(rows, mostRows);
  const stacked = new Float32Array(2 * count * columns);
  // The factor holds the damping, which is no part of the output.
  const damped = [0, 0];
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * rows) / count) * columns;
    for (let at = 0; at < columns; at++) {
      const column = order[at];
      if (importance[column] === 0) continue;
      const value = original[row + column];
      const error = value - quantized[row + column];
      stacked[i * columns + at] = error;
      stacked[(count + i) * columns + at] = value;
      damped[0] += added * error * error;
      damped[1] += added * value * value;
    }
  }
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d(stacked, [2 * count, columns]), tf.tensor2d(values, [columns, columns])),
  );
  const sums = [0, 0];
  try {
    const squares = await product.data();
    for (let i = 0; i < squares.length; i++) sums[i < count * columns ? 0 : 1] += squares[i] ** 2;
  } finally {
    product.dispose();
  }
  const energy = sums[1] - damped[1];
  return energy > 0 ? Math.max(0, sums[0] - damped[0]) / energy : 0;
}
