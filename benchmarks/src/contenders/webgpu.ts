import { existsSync } from 'node:fs';
import { type AffineScheme, groupwiseLinear, int8Linear, packWeights } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { type CaseData, floatWeight } from '../case-data.js';
import type { ProductCase } from '../cases.js';
import type { Prepared } from '../prepared.js';
import { plainWords } from './tamp.js';

/** SwiftShader as Debian's chromium brings it, for machines without a GPU. */
const softwareDriver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/**
 * Without a driver of one's own choice and without a GPU's: the software driver. onnxruntime brings its own Dawn and
 * reads the same variables.
 */
export function chooseVulkanDriver(): void {
  const { env } = process;
  const chosen = env.VK_ICD_FILENAMES ?? env.VK_DRIVER_FILES;
  if (chosen === undefined && existsSync(softwareDriver)) env.VK_ICD_FILENAMES = softwareDriver;
}

/** Starts Dawn and tfjs's WebGPU backend with tamp's kernels; gives the adapter's name. */
export async function startWebGpu(): Promise<string> {
  chooseVulkanDriver();
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
  const { registerWebGpuBackend } = await import('@tamp/backend-webgpu');
  const { name, adapter, integerDot, subgroups } = await registerWebGpuBackend();
  await tf.setBackend(name);
  return `${adapter}; ${integerDot} integer products, ${subgroups ? 'with' : 'without'} subgroups`;
}

/** Calls that are queued before one result is read, where the variant says `queued`. */
const queued = 32;

/**
 * Makes a product ready. A variant that ends in `queued` computes several times from an input on the GPU and reads the
 * last result; any other goes from a float array to a float array, as a caller sees it.
 */
export function prepareWebGpu(
  peer: 'tamp-webgpu' | 'tfjs-webgpu',
  benchmark: ProductCase,
  variant: string,
  data: CaseData,
): Prepared {
  const { kind, m, k, n, groupSize } = benchmark;
  const bias = tf.tensor1d(data.bias);
  const held: tf.Tensor[] = [bias];
  const layer = (): ((x: tf.Tensor2D) => tf.Tensor) => {
    if (peer === 'tfjs-webgpu') {
      const weight = tf.tensor2d(floatWeight(data), [n, k]);
      held.push(weight);
      return (x) => tf.fused.matMul({ a: x, b: weight, transposeB: true, bias });
    }
    const bits = kind === 'int8' ? 8 : 4;
    const scheme: AffineScheme = {
      bits,
      symmetric: true,
      granularity: groupSize === undefined ? { kind: 'channel' } : { kind: 'group', groupSize },
    };
    const words = plainWords(data.levels, bits);
    const plain = { scheme, rows: n, columns: k, words, scales: data.scales, zeroPoints: null };
    const weight = packWeights(plain, kind === 'int8' ? 'int8' : 'groupwise');
    held.push(weight.levels, weight.scales);
    return kind === 'int8'
      ? (x) =>
          int8Linear(x, weight, bias, {
            kind: variant.startsWith('per tensor') ? 'tensor' : 'token',
            reduceRange: false,
          })
      : (x) => groupwiseLinear(x, weight, bias, variant.startsWith('W4A8') ? 'int8-block' : 'float');
  };
  const apply = layer();
  const release = (): void => tf.dispose(held);
  if (!variant.endsWith('queued')) {
    return {
      async step() {
        const y = tf.tidy(() => apply(tf.tensor2d(data.x, [m, k])));
        const values = await y.data<'float32'>();
        y.dispose();
        return values;
      },
      release,
    };
  }
  const x = tf.tensor2d(data.x, [m, k]);
  held.push(x);
  return {
    runs: queued,
    async step() {
      for (let i = 1; i < queued; i++) apply(x).dispose();
      const y = apply(x);
      const values = await y.data<'float32'>();
      y.dispose();
      return values;
    },
    release,
  };
}
