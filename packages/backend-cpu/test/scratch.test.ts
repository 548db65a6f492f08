import {
  disposeOperand,
  groupwiseLinear,
  int8Linear,
  operators,
  type PlainQuantizedWeight,
  packWeights,
  searchRanges,
  type WeightLayout,
} from '@tamp/core';
import { randomSource, uniformValues } from '@tamp/fixtures/random';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterEach, describe, expect, it } from 'vitest';
import { registerCpuBackend, supportedSimdVariants } from '../src/index.js';
import { randomWeight } from './body/random-weight.js';

const name = 'tamp-scratch';
const random = randomSource(71);

async function product(
  weight: PlainQuantizedWeight,
  layout: WeightLayout,
  rows: number,
  multiply: (x: tf.Tensor, operand: ReturnType<typeof packWeights>) => tf.Tensor,
): Promise<void> {
  const operand = packWeights(weight, layout);
  const values = uniformValues(random, rows * weight.columns);
  const y = tf.tidy(() => multiply(tf.tensor2d(values, [rows, weight.columns]), operand));
  await y.data();
  y.dispose();
  disposeOperand(operand);
}

/** Kernels that need more scratch than threads begin with, at sizes for which they do. */
const kernels: Readonly<Record<string, () => Promise<void>>> = {
  'int8 products that widen whole panels': () =>
    product(
      randomWeight(random, { bits: 8, rows: 16, columns: 8192, groupSize: undefined, symmetric: true }),
      'int8',
      33,
      (x, operand) => int8Linear(x, operand, undefined, { kind: 'tensor', reduceRange: false }),
    ),
  'group-wise products with quantized activations': () =>
    product(
      randomWeight(random, { bits: 8, rows: 16, columns: 40_960, groupSize: 128, symmetric: true }),
      'groupwise',
      5,
      (x, operand) => groupwiseLinear(x, operand, undefined, 'int8-block'),
    ),
  'attention over many keys': async () => {
    const y = tf.tidy(() => {
      const [q, k, v] = [70, 2000, 2000].map((length) =>
        tf.tensor3d(uniformValues(random, length * 64), [1, length, 64]),
      );
      const attributes = { heads: 1, keyValueHeads: 1, headSize: 64, scale: 0.125 };
      return operators.get('attention').run([q, k, v] as tf.Tensor[], attributes);
    });
    await y.data();
    y.dispose();
  },
  'the search for the range of a long group': async () => {
    const weight = uniformValues(random, 60_000);
    const scheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } } as const;
    await searchRanges(weight, 1, weight.length, scheme, { search: { gridPoints: 2 } });
  },
};

describe.each(await supportedSimdVariants())('with %s SIMD, no kernel writes beyond its scratch', (simd) => {
  afterEach(async () => {
    await tf.setBackend('cpu');
    tf.removeBackend(name);
  });
  expectNoTensorLeaks();

  it.each(Object.keys(kernels))('%s', async (kernel) => {
    const { backend } = await registerCpuBackend({ name, simd, threads: 1 });
    await tf.setBackend(name);
    const { heap } = backend.runtime;
    // The first block that is asked for lies behind the scratch.
    const bytes = 1 << 20;
    const behind = heap.allocate(bytes);
    heap.u8.fill(0xa5, behind, behind + bytes);
    await kernels[kernel]?.();
    expect(heap.u8.subarray(behind, behind + bytes).findIndex((byte) => byte !== 0xa5)).toBe(-1);
    heap.free(behind);
  });
});
