import * as tf from '@tensorflow/tfjs-core';
import { hasCalibrationKernel, runCalibrationKernel } from './calibration-kernel.js';
import { gramReference } from './reference/gram.js';

/**
 * xᵀ · x [columns, columns] of a float32 matrix x [rows, columns], both row-major; symmetric to the bit. The caller
 * disposes of the tensor.
 * Contract of `TampGram`: input x float32 [rows, columns]; result float32 [columns, columns], summed in float32 or better.
 */
export async function gram(x: Float32Array, rows: number, columns: number): Promise<tf.Tensor> {
  if (!hasCalibrationKernel('TampGram')) {
    return tf.tensor2d(await gramReference(x, rows, columns), [columns, columns]);
  }
  const [product] = runCalibrationKernel('TampGram', { x: { values: x, shape: [rows, columns] } }, {});
  return product;
}
