import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CpuBackend } from '../src/index.js';
import { allBackends } from './backends.js';

interface Case {
  readonly batchA: number;
  readonly batchB: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** The product in float64, and for each element the sum of magnitudes, which bounds the rounding error. */
function product(
  c: Case,
  a: Float32Array,
  b: Float32Array,
): { values: Float64Array; magnitudes: Float64Array } {
  const { m, k, n } = c;
  const batch = Math.max(c.batchA, c.batchB);
  const values = new Float64Array(batch * m * n);
  const magnitudes = new Float64Array(batch * m * n);
  for (let s = 0; s < batch; s++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        let magnitude = 0;
        for (let l = 0; l < k; l++) {
          const x = a[(s % c.batchA) * m * k + (c.transposeA ? l * m + i : i * k + l)] ?? Number.NaN;
          const y = b[(s % c.batchB) * n * k + (c.transposeB ? j * k + l : l * n + j)] ?? Number.NaN;
          sum += x * y;
          magnitude += Math.abs(x * y);
        }
        values[(s * m + i) * n + j] = sum;
        magnitudes[(s * m + i) * n + j] = magnitude;
      }
    }
  }
  return { values, magnitudes };
}

const random = randomSource(1);
const cases: Case[] = [
  { batchA: 1, batchB: 1, m: 1, k: 1, n: 1, transposeA: false, transposeB: false },
  { batchA: 1, batchB: 1, m: 130, k: 70, n: 33, transposeA: false, transposeB: true },
  { batchA: 1, batchB: 1, m: 4, k: 1100, n: 40, transposeA: false, transposeB: false },
  { batchA: 6, batchB: 1, m: 9, k: 20, n: 65, transposeA: false, transposeB: true },
  ...Array.from({ length: 60 }, (): Case => {
    const batch = integer(random, 1, 4);
    return {
      batchA: batch,
      batchB: random() < 0.5 ? batch : 1,
      m: random() < 0.3 ? integer(random, 1, 3) : integer(random, 4, 40),
      k: random() < 0.2 ? integer(random, 500, 1100) : integer(random, 1, 70),
      n: integer(random, 1, 75),
      transposeA: random() < 0.3,
      transposeB: random() < 0.5,
    };
  }),
];

describe('matMul', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  it('equals the product in float64 and does not depend on the number of threads', async () => {
    const data = randomSource(2);
    for (const c of cases) {
      const a = uniformValues(data, c.batchA * c.m * c.k);
      const b = uniformValues(data, c.batchB * c.k * c.n);
      const expected = product(c, a, b);
      const bySimd = new Map<string, Float32Array>();
      for (const { name, simd, backend } of backends) {
        await tf.setBackend(name);
        const before = { tensors: tf.memory().numTensors, blocks: backend.runtime.heap.blocks };
        const shapeA: [number, number, number] = c.transposeA ? [c.batchA, c.k, c.m] : [c.batchA, c.m, c.k];
        const shapeB: [number, number, number] = c.transposeB ? [c.batchB, c.n, c.k] : [c.batchB, c.k, c.n];
        const result = tf.tidy(() =>
          tf.matMul(tf.tensor3d(a, shapeA), tf.tensor3d(b, shapeB), c.transposeA, c.transposeB),
        );
        const values = new Float32Array(await result.data());
        result.dispose();
        expect(tf.memory().numTensors).toBe(before.tensors);
        expect(backend.runtime.heap.blocks).toBe(before.blocks);
        // k float32 additions and products, each within half a unit of 2^-23, of the magnitudes' sum.
        const bound = (c.k + 1) * 2 ** -23;
        for (let i = 0; i < values.length; i++) {
          const error = Math.abs((values[i] ?? Number.NaN) - (expected.values[i] ?? 0));
          if (!(error <= bound * (expected.magnitudes[i] ?? 0))) {
            expect.fail(`${name} ${JSON.stringify(c)} at ${i}: ${values[i]} for ${expected.values[i]}`);
          }
        }
        const first = bySimd.get(simd);
        if (first === undefined) bySimd.set(simd, values);
        else expect(values, `${name} ${JSON.stringify(c)}`).toEqual(first);
      }
    }
  });

  it('adds a bias and applies every activation as tfjs does', async () => {
    const data = randomSource(3);
    const [m, k, n] = [37, 19, 45];
    const a = uniformValues(data, m * k);
    const b = uniformValues(data, k * n);
    const biasValues = uniformValues(data, n);
    const fused = async (
      activation: 'linear' | 'relu' | 'relu6' | 'elu' | 'sigmoid' | 'prelu' | 'leakyrelu',
      biasShape: readonly number[],
    ): Promise<Float32Array> => {
      const result = tf.tidy(() => {
        const size = tf.util.sizeFromShape([...biasShape]);
        return tf.fused.matMul({
          a: tf.tensor2d(a, [m, k]),
          b: tf.tensor2d(b, [k, n]),
          bias: tf.tensor(biasValues.slice(0, size), [...biasShape]),
          activation,
          ...(activation === 'prelu' ? { preluActivationWeights: tf.tensor1d(biasValues) } : {}),
          leakyreluAlpha: 0.3,
        });
      });
      const values = new Float32Array(await result.data());
      result.dispose();
      return values;
    };
    for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu'] as const) {
      for (const biasShape of [[n], [1]]) {
        await tf.setBackend('cpu');
        const expected = await fused(activation, biasShape);
        for (const { name } of backends) {
          await tf.setBackend(name);
          const values = await fused(activation, biasShape);
          // tfjs sums in float64 and rounds once; here every one of the k steps rounds, on sums below 20.
          const error = Math.max(...values.map((v, i) => Math.abs(v - (expected[i] ?? Number.NaN))));
          expect(error, `${name} ${activation} ${biasShape}`).toBeLessThan(k * 20 * 2 ** -24);
        }
      }
    }
  });

  it('broadcasts leading dimensions, the missing ones too', async () => {
    const data = randomSource(4);
    const [m, k, n] = [5, 6, 7];
    for (const [outerA, outerB, outer] of [
      [
        [2, 1],
        [1, 3],
        [2, 3],
      ],
      [
        [2, 1],
        [2, 3],
        [2, 3],
      ],
      [[2, 3], [3], [2, 3]],
      [[], [2, 2], [2, 2]],
    ] as const) {
      const a = uniformValues(data, tf.util.sizeFromShape([...outerA]) * m * k);
      const b = uniformValues(data, tf.util.sizeFromShape([...outerB]) * k * n);
      // The operands written out in full, and their products one after another.
      const expand = (
        values: Float32Array,
        own: readonly number[],
        rows: number,
        columns: number,
      ): tf.Tensor =>
        tf.reshape(tf.broadcastTo(tf.tensor(values, [...own, rows, columns]), [...outer, rows, columns]), [
          -1,
          rows,
          columns,
        ]);
      await tf.setBackend('cpu');
      const reference = tf.tidy(() => tf.matMul(expand(a, outerA, m, k), expand(b, outerB, k, n)));
      const expected = await reference.data<'float32'>();
      reference.dispose();
      for (const { name } of backends) {
        await tf.setBackend(name);
        const result = tf.tidy(() =>
          tf.matMul(tf.tensor(a, [...outerA, m, k]), tf.tensor(b, [...outerB, k, n])),
        );
        expect(result.shape).toEqual([...outer, m, n]);
        const values = await result.data<'float32'>();
        result.dispose();
        // k steps in float32 on sums below k, against one rounding.
        const error = values.reduce(
          (worst, v, i) => Math.max(worst, Math.abs(v - (expected[i] ?? Number.NaN))),
          0,
        );
        expect(error, `${name} [${outerA}] [${outerB}]`).toBeLessThan(k * k * 2 ** -24);
      }
    }
  });

  it('tells a bias per row from one per column, and leaves integers to tfjs', async () => {
    // Whole numbers: exact.
    const compute = (): tf.Tensor[] =>
      tf.tidy(() => {
        // Its square is [7, -10; -15, 22].
        const square = tf.tensor2d([-1, 2, 3, -4], [2, 2]);
        const bias = [12, -20];
        return [
          ...([[2, 1], [1, 2], [2], [1], [1, 2, 1]] as const).flatMap((shape) =>
            (['linear', 'relu', 'relu6'] as const).map((activation) =>
              tf.fused.matMul({
                a: shape.length === 3 ? tf.reshape(square, [1, 2, 2]) : square,
                b: square,
                bias: tf.tensor(shape[0] === 1 && shape.length === 1 ? [12] : bias, [...shape]),
                activation,
              }),
            ),
          ),
          tf.fused.matMul({ a: tf.cast(square, 'int32'), b: tf.cast(square, 'int32') }),
        ];
      });
    const read = async (backend: string): Promise<unknown[]> => {
      await tf.setBackend(backend);
      const results = compute();
      const plain = results.map((result) => [result.dtype, result.shape, [...result.dataSync()]]);
      tf.dispose(results);
      return plain;
    };
    const expected = await read('cpu');
    for (const { name } of backends) expect(await read(name), name).toEqual(expected);
  });

  it('of nothing to sum is 0 and a bias, whatever the memory held', async () => {
    for (const { name } of backends) {
      await tf.setBackend(name);
      // Blocks that are free again, full of other numbers.
      tf.tidy(() => tf.matMul(tf.ones([30, 4]), tf.ones([4, 30])));
      const result = tf.tidy(() => tf.matMul(tf.zeros([3, 5, 0]), tf.zeros([3, 0, 7])));
      expect(result.shape).toEqual([3, 5, 7]);
      expect(await result.data()).toEqual(new Float32Array(3 * 5 * 7));
      result.dispose();
      // What is added to it remains.
      for (const activation of ['linear', 'relu6'] as const) {
        const sums = tf.tidy(() =>
          tf.fused.matMul({
            a: tf.zeros([2, 0]),
            b: tf.zeros([0, 3]),
            bias: tf.tensor1d([-1, 5, 8]),
            activation,
          }),
        );
        const row = activation === 'linear' ? [-1, 5, 8] : [0, 5, 6];
        expect([...(await sums.data())], `${name} ${activation}`).toEqual([...row, ...row]);
        sums.dispose();
      }
    }
  });
});
