import * as tf from '@tensorflow/tfjs-core';
import { hasCalibrationKernel, runCalibrationKernel } from './calibration-kernel.js';
import { upperFactorReference } from './reference/upper-factor.js';

/**
 * Factors a symmetric matrix, float32 [n, n], in an order of its columns: R upper triangular, [n, n], with R · Rᵀ = B, where B is the
 * matrix with rows and columns in that order and `added` on its diagonal; a diagonal element that is not positive (its
 * row and column are 0) is taken as 1. `undefined` when B is not positive definite in float32. The caller disposes of
 * the tensor. (This is Cholesky's factorization from the last column to the first.)
 *
 * Contract of `TampUpperFactor`: inputs matrix float32 [n, n], order int32 [n]; attribute added; results R float32
 * [n, n] with zeros below the diagonal, and int32 [1], 0 when B is not positive definite (R then means nothing).
 */
export async function upperFactor(
  matrix: tf.Tensor,
  order: Int32Array,
  added: number,
): Promise<tf.Tensor | undefined> {
  const n = order.length;
  if (!hasCalibrationKernel('TampUpperFactor')) {
    const values = await upperFactorReference(await matrix.data<'float32'>(), order, added);
    return values === undefined ? undefined : tf.tensor2d(values, [n, n]);
  }
  const [factor, definite] = runCalibrationKernel(
    'TampUpperFactor',
    { matrix, order: { values: order, shape: [n] } },
    { added },
  );
  const [isDefinite] = await definite.data();
  definite.dispose();
  if (isDefinite !== 0) return factor;
  factor.dispose();
  return undefined;
}
