import { registerCpuBackend } from '@tamp/backend-cpu';
import { type AffineScheme, disposeOperand, groupwiseLinear, int8Linear, packWeights } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { type CaseData, floatWeight } from '../case-data.js';
import type { ProductCase } from '../cases.js';
import type { Prepared } from '../prepared.js';

/** Chooses the backend for this process. */
export async function startTamp(threads: number): Promise<string> {
  const { name, simd } = await registerCpuBackend({ threads });
  await tf.setBackend(name);
  return `${simd} SIMD`;
}

/** Levels of 4 or 8 bits as the plain words that files hold. */
export function plainWords(levels: Int8Array, bits: number): Int32Array {
  const bytes = new Uint8Array(Math.ceil((levels.length * bits) / 32) * 4);
  const half = 2 ** (bits - 1);
  levels.forEach((level, i) => {
    const at = (i * bits) >> 3;
    bytes[at] = (bytes[at] ?? 0) | ((level + half) << ((i * bits) & 7));
  });
  return new Int32Array(bytes.buffer);
}

/** Makes a product ready: from a float array to a float array, as a caller sees it. */
export function prepareTamp(benchmark: ProductCase, variant: string, data: CaseData): Prepared {
  const { kind, m, k, n, groupSize } = benchmark;
  const run = (compute: (x: tf.Tensor2D) => tf.Tensor): Float32Array => {
    const y = tf.tidy(() => compute(tf.tensor2d(data.x, [m, k])));
    const values = y.dataSync<'float32'>();
    y.dispose();
    return values;
  };
  const bias = tf.tensor1d(data.bias);
  if (kind === 'float32') {
    const weight = tf.tensor2d(floatWeight(data), [n, k]);
    return {
      step: () => run((x) => tf.fused.matMul({ a: x, b: weight, transposeB: true, bias })),
      release: () => tf.dispose([weight, bias]),
    };
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
  return {
    step: () =>
      run((x) =>
        kind === 'int8'
          ? int8Linear(x, weight, bias, { kind: 'tensor', reduceRange: variant === '7-bit' })
          : groupwiseLinear(x, weight, bias, variant === 'float' ? 'float' : 'int8-block'),
      ),
    release() {
      disposeOperand(weight);
      bias.dispose();
    },
  };
}
