import * as tf from '@tensorflow/tfjs-core';
import type { DampedFactor } from '../factor/damped-factor.js';

/** More rows than this are sampled evenly. */
const mostRows = 64;

/**
 * Share of the energy (sum of squares) of a layer's output on the calibration data that rounding its weight [rows,
 * columns] loses: Σ (w − ŵ) H (w − ŵ)ᵀ / Σ w H wᵀ, over at most 64 evenly spaced rows. `figures` are those of the
 * rounding, [rows, 3], each row's first the numerator.
 */
export async function outputEnergyLost(
  weight: Float32Array,
  figures: Float32Array,
  rows: number,
  factor: DampedFactor,
): Promise<number> {
  const { columns, order, values, dampingByPosition } = factor;
  const count = Math.min(rows, mostRows);
  const sample = new Float32Array(count * columns);
  let lost = 0;
  // The factor holds the damping, which is no part of the output.
  let damped = 0;
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * rows) / count);
    lost += figures[row * 3];
    for (let at = 0; at < columns; at++) {
      const value = weight[row * columns + order[at]];
      sample[i * columns + at] = value;
      damped += dampingByPosition[at] * value * value;
    }
  }
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(sample, [count, columns]), values));
  try {
    let energy = -damped;
    for (const value of await product.data<'float32'>()) energy += value ** 2;
    return energy > 0 ? Math.max(0, lost) / energy : 0;
  } finally {
    product.dispose();
  }
}
