import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { runningBackend } from './backend/tamp-webgpu-backend.js';
import { appendRowsKernel } from './kernels/append-rows.js';
import { attentionKernel } from './kernels/attention.js';
import { dequantizeWeightKernel, gatherRowsKernel } from './kernels/dequantize-rows.js';
import { groupwiseLinearKernel } from './kernels/groupwise-linear.js';
import { int8LinearKernel } from './kernels/int8-linear.js';
import { packWeightsKernel } from './kernels/pack-weights.js';
import { rmsNormKernel } from './kernels/rms-norm.js';
import { rotaryEmbeddingKernel } from './kernels/rotary-embedding.js';
import { swiGluKernel } from './kernels/swiglu.js';
import { backendName } from './program/kernel-call.js';
import { type IntegerDot, supportedIntegerDot } from './wgsl/integer-dot.js';

/** Options of {@link registerWebGpuKernels}. */
export interface WebGpuKernelOptions {
  /** How int8 products are summed. Default: `packed` where WGSL has `dot4I8Packed`, else `unpacked`. */
  readonly integerDot?: IntegerDot;
  /** Whether sums use subgroups. Default: where the device of `registerWebGpuBackend` has them. */
  readonly subgroups?: boolean;
}

/** What was registered. */
export interface WebGpuKernels {
  readonly integerDot: IntegerDot;
  readonly subgroups: boolean;
}

/**
 * Registers kernels for packed weights, and fused float kernels, in tfjs's `webgpu` backend. Import
 * `@tensorflow/tfjs-backend-webgpu` first. A second call replaces the kernels of the first.
 *
 * @throws TampError (`unsupported`) where tfjs has no WebGPU backend or `packed` is asked for and missing
 */
export function registerWebGpuKernels(options: WebGpuKernelOptions = {}): WebGpuKernels {
  if ((tf.findBackendFactory(backendName) ?? null) === null) {
    throw new TampError('tfjs has no WebGPU backend here', {
      code: 'unsupported',
      remedy:
        'Import "@tensorflow/tfjs-backend-webgpu" first, where navigator.gpu exists; elsewhere use @tamp/backend-cpu.',
    });
  }
  const supported = supportedIntegerDot();
  const integerDot = options.integerDot ?? supported;
  if (integerDot === 'packed' && supported !== 'packed') {
    throw new TampError('this WebGPU implementation lacks dot4I8Packed', {
      code: 'unsupported',
      remedy: 'Leave the option integerDot out.',
    });
  }
  const available = runningBackend()?.smallestSubgroup;
  if (options.subgroups === true && available === undefined) {
    throw new TampError('this device has no subgroups, or does not number them', {
      code: 'unsupported',
      remedy: 'Leave the option subgroups out, and call registerWebGpuBackend(), which asks for them.',
    });
  }
  const smallestSubgroup = options.subgroups === false ? undefined : available;
  const kernels = [
    packWeightsKernel(),
    int8LinearKernel(integerDot, smallestSubgroup),
    groupwiseLinearKernel(integerDot, smallestSubgroup),
    gatherRowsKernel(),
    dequantizeWeightKernel(),
    rmsNormKernel(),
    swiGluKernel(),
    rotaryEmbeddingKernel(),
    attentionKernel(),
    appendRowsKernel(),
  ];
  for (const config of kernels) {
    if (tf.getKernel(config.kernelName, backendName) !== undefined) {
      tf.unregisterKernel(config.kernelName, backendName);
    }
    tf.registerKernel(config);
  }
  return { integerDot, subgroups: smallestSubgroup !== undefined };
}
