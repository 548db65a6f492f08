import * as tf from '@tensorflow/tfjs-core';
import type { CalibrationKernelName, KernelAttributes } from './contract.js';

/** What a kernel works on; made into tensors for the call. */
export type KernelInput =
  | tf.Tensor
  | { readonly values: Float32Array | Int32Array; readonly shape: readonly number[] };

/** Whether the current backend has a kernel for calibration. */
export function hasCalibrationKernel(name: CalibrationKernelName): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** The results of the current backend's kernel, which must be there; the caller disposes of them. */
export function runCalibrationKernel(
  name: CalibrationKernelName,
  inputs: Readonly<Record<string, KernelInput>>,
  attributes: KernelAttributes,
): tf.Tensor[] {
  return tf.tidy(() => {
    const tensors = Object.entries(inputs).map(([key, input]): [string, tf.Tensor] => [
      key,
      input instanceof tf.Tensor
        ? input
        : tf.tensor(input.values, [...input.shape], input.values instanceof Int32Array ? 'int32' : 'float32'),
    ]);
    const results = tf
      .engine()
      .runKernel<tf.Tensor | tf.Tensor[]>(name, Object.fromEntries(tensors), { ...attributes });
    return Array.isArray(results) ? results : [results];
  });
}

/** Reads results and disposes of them. */
export async function readResults(
  results: readonly tf.Tensor[],
): Promise<readonly (Float32Array | Int32Array)[]> {
  try {
    const values: (Float32Array | Int32Array)[] = [];
    for (const result of results) values.push(await result.data<'float32' | 'int32'>());
    return values;
  } finally {
    for (const result of results) result.dispose();
  }
}
