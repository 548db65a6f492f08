import * as tf from '@tensorflow/tfjs-core';
import { TampError } from '../errors/tamp-error.js';
import type { KernelAttributes, PackedKernelName } from './contract.js';
import { registerReferenceKernels } from './reference/register.js';

/**
 * Runs a kernel of the current tfjs backend. Throws a `TampError` (`unsupported`) when the backend has none: a
 * packed model must not run elsewhere silently, because its results would depend on the machine.
 */
export function runPackedKernel<T extends tf.Tensor | tf.Tensor[] = tf.Tensor>(
  name: PackedKernelName,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
  attributes: KernelAttributes,
): T {
  const backend = tf.getBackend();
  const missing = (): boolean => tf.getKernel(name, backend) === undefined;
  // Only when one is missed: looking all of them up takes longer than a small layer.
  if (missing()) {
    registerReferenceKernels();
    if (missing()) {
      throw new TampError(`the tfjs backend ${backend} has no kernel ${name} for quantized models`, {
        code: 'unsupported',
        remedy:
          'Install @tamp/backend-cpu and call registerCpuBackend(), or @tamp/backend-webgpu; tfjs\'s own "cpu" backend works too, slowly.',
      });
    }
  }
  const given: Record<string, tf.Tensor> = {};
  for (const key in inputs) {
    const tensor = inputs[key];
    if (tensor !== undefined) given[key] = tensor;
  }
  return tf.engine().runKernel(name, given, { ...attributes });
}
