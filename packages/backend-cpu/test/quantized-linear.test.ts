import { isDeepStrictEqual } from 'node:util';
import {
  type AffineScheme,
  dequantizeWeightTensor,
  disposeOperand,
  gatherRows,
  groupwiseLinear,
  type Int8Activation,
  int8Linear,
  type PlainQuantizedWeight,
  packWeights,
  type WeightLayout,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CpuBackend } from '../src/index.js';
import { allBackends } from './backends.js';
import { randomWeight, type WeightCase } from './body/random-weight.js';
import { denseWords } from './dense-words.js';

/** Looks closer only when numbers differ: of many of them expect() takes seconds. */
function expectSame(values: Float32Array, expected: Float32Array | undefined, label: string): void {
  if (!isDeepStrictEqual(values, expected)) expect(values, label).toEqual(expected);
}

/** Runs `compute` on a packed weight of the current backend; no tensor may be left. */
async function withWeight(
  weight: PlainQuantizedWeight,
  layout: WeightLayout,
  compute: (operand: ReturnType<typeof packWeights>) => tf.Tensor,
): Promise<Float32Array> {
  const before = tf.memory().numTensors;
  const operand = packWeights(weight, layout);
  const result = tf.tidy(() => compute(operand));
  const values = new Float32Array(await result.data());
  result.dispose();
  disposeOperand(operand);
  expect(tf.memory().numTensors).toBe(before);
  return values;
}

const random = randomSource(21);

describe('quantized kernels', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  /**
   * Runs on the reference and on every variant, and hands each result to `compare`. The bits must be the same for any
   * number of threads, and where `integers` carry the sums for any SIMD too.
   */
  async function everywhere(
    run: () => Promise<Float32Array>,
    compare: (values: Float32Array, expected: Float32Array, name: string) => void,
    integers = true,
  ): Promise<void> {
    await tf.setBackend('cpu');
    const expected = await run();
    const seen = new Map<string, Float32Array>();
    for (const { name, simd, backend } of backends) {
      await tf.setBackend(name);
      const blocks = backend.runtime.heap.blocks;
      const values = await run();
      compare(values, expected, name);
      expect(backend.runtime.heap.blocks).toBe(blocks);
      const variant = integers ? 'any' : simd;
      const first = seen.get(variant);
      if (first === undefined) seen.set(variant, values);
      else expectSame(values, first, name);
    }
  }

  it('int8 linear layers equal the reference bit for bit', async () => {
    const activations: Int8Activation[] = [
      { kind: 'token' },
      { kind: 'tensor', reduceRange: false },
      { kind: 'tensor', reduceRange: true },
      { kind: 'static', reduceRange: false, scale: 0.011, zeroPoint: 133 },
      { kind: 'static', reduceRange: true, scale: 0.017, zeroPoint: 61 },
    ];
    for (let i = 0; i < 60; i++) {
      const activation = activations[i % activations.length] ?? { kind: 'token' };
      const weight = randomWeight(random, {
        bits: 8,
        rows: integer(random, 1, 70),
        columns: i % 7 === 0 ? integer(random, 700, 2000) : integer(random, 1, 150),
        groupSize: undefined,
        symmetric: i % 2 === 0,
      });
      // Now and then so many rows that they are cut into blocks.
      const m = i % 10 === 0 ? integer(random, 30, 90) : integer(random, 1, 21);
      // Values far out of a static range must clamp, not wrap.
      const x = uniformValues(random, m * weight.columns).map((v) => v * (i % 11 === 0 ? 1e7 : 2));
      const bias = i % 3 === 0 ? undefined : uniformValues(random, weight.rows);
      await everywhere(
        () =>
          withWeight(weight, 'int8', (operand) =>
            int8Linear(
              tf.tensor2d(x, [m, weight.columns]),
              operand,
              bias === undefined ? undefined : tf.tensor1d(bias),
              activation,
            ),
          ),
        (values, expected, name) => {
          const wrong = values.findIndex((v, at) => v !== expected[at]);
          if (wrong >= 0) {
            expect.fail(
              `${name} ${JSON.stringify({ activation, m, n: weight.rows, k: weight.columns })} ` +
                `at ${wrong}: ${values[wrong]} for ${expected[wrong]}`,
            );
          }
        },
      );
    }
  });

  it('an all-zero row and an all-zero weight give the bias', async () => {
    const weight = {
      ...randomWeight(random, { bits: 8, rows: 5, columns: 9, groupSize: undefined, symmetric: true }),
    };
    for (const kind of ['token', 'tensor'] as const) {
      await everywhere(
        () =>
          withWeight(weight, 'int8', (operand) =>
            int8Linear(
              tf.zeros([3, 9]),
              operand,
              tf.tensor1d([1, 2, 3, 4, 5]),
              kind === 'token' ? { kind } : { kind, reduceRange: false },
            ),
          ),
        (values) => expect([...values]).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]),
      );
    }
  });

  const groupwiseCases: WeightCase[] = Array.from({ length: 147 }, (_, i) => {
    const groupSize = [32, 64, 128, 256, 16, 20, 7][i % 7] ?? 32;
    const perChannel = i % 5 === 0;
    return {
      // Every width meets every group size.
      bits: 2 + (Math.floor(i / 7) % 7),
      rows: integer(random, 1, 75),
      columns: perChannel ? integer(random, 1, 300) : groupSize * integer(random, 1, i % 9 === 0 ? 9 : 3),
      groupSize: perChannel ? undefined : groupSize,
      symmetric: i % 2 === 0,
    };
  });

  // Longer than what products of a few bits unpack at a time (512), which may end within a group.
  for (const [i, groupSize] of [96, 320, undefined, 672, 96, undefined].entries()) {
    groupwiseCases.push({
      bits: 2 + (i % 3),
      rows: [16, 37, 50, 7, 33, 64][i] ?? 16,
      columns: groupSize === undefined ? 1101 + 10 * i : groupSize * Math.ceil(1100 / groupSize),
      groupSize,
      symmetric: i % 2 === 1,
    });
  }

  for (const activation of ['float', 'int8-block'] as const) {
    it(`group-wise linear layers with ${activation} activations are close to the reference`, async () => {
      for (const c of groupwiseCases) {
        const weight = randomWeight(random, c);
        const m = random() < 0.4 ? 1 : random() < 0.1 ? integer(random, 30, 90) : integer(random, 2, 13);
        const x = uniformValues(random, m * c.columns);
        const bias = random() < 0.5 ? undefined : uniformValues(random, c.rows);
        // The reference sums in float64. In float32 each of k steps may be off by half a unit of the running sum,
        // which is at most Σ|x|·|level − zero|·scale ≤ k · 2^bits · 0.021; a weight's own rounding adds one step.
        const bound = (c.columns + 3) * 2 ** -24 * c.columns * 2 ** c.bits * 0.021 + 2e-7;
        await everywhere(
          () =>
            withWeight(weight, 'groupwise', (operand) =>
              groupwiseLinear(
                tf.tensor2d(x, [m, c.columns]),
                operand,
                bias === undefined ? undefined : tf.tensor1d(bias),
                activation,
              ),
            ),
          (values, expected, name) => {
            const errors = values.map((v, at) => Math.abs(v - (expected[at] ?? Number.NaN)));
            const worst = errors.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), 0);
            if (!(worst <= bound))
              expect.fail(`${name} ${JSON.stringify({ ...c, m })}: ${worst} above ${bound}`);
          },
          // Where blocks lie inside groups, the sums of a block are integers.
          activation === 'int8-block' && (c.groupSize === undefined || c.groupSize % 32 === 0),
        );
      }
    });
  }

  it('rows of a packed table and whole weights dequantize to the reference, bit for bit', async () => {
    for (const c of groupwiseCases.slice(0, 40)) {
      const weight = randomWeight(random, c);
      const ids = Int32Array.from({ length: 9 }, () => integer(random, 0, c.rows - 1));
      for (const compute of [
        (operand: ReturnType<typeof packWeights>) => gatherRows(tf.tensor2d(ids, [3, 3], 'int32'), operand),
        dequantizeWeightTensor,
      ]) {
        await everywhere(
          () => withWeight(weight, 'rows', compute),
          (values, expected, name) => expectSame(values, expected, `${name} ${JSON.stringify(c)}`),
        );
      }
    }
  });

  it('refuses a row outside of the table and a weight packed elsewhere, and leaks nothing', async () => {
    const c = { bits: 4, rows: 6, columns: 32, groupSize: 32, symmetric: true };
    const weight = randomWeight(random, c);
    for (const { name, backend } of backends) {
      await tf.setBackend(name);
      const start = { tensors: tf.memory().numTensors, blocks: backend.runtime.heap.blocks };
      const operand = packWeights(weight, 'rows');
      tf.tidy(() => {
        expect(() => gatherRows(tf.tensor1d([6], 'int32'), operand)).toThrow(/row 6 of a table of 6 rows/);
        expect(() => gatherRows(tf.tensor1d([-1], 'int32'), operand)).toThrow(/row -1/);
        expect(() => groupwiseLinear(tf.zeros([1, 32]), operand, undefined)).toThrow(/did not pack/);
        expect(() => int8Linear(tf.zeros([1, 32]), operand, undefined, { kind: 'token' })).toThrow(
          /did not pack/,
        );
      });
      disposeOperand(operand);
      expect(tf.memory().numTensors).toBe(start.tensors);
      expect(backend.runtime.heap.blocks).toBe(start.blocks);
    }
  });

  it('the widest int8 layers are exact at the ends of their levels, wider ones are refused', async () => {
    // Every product is (0 − 255) · (−128 − 127): 255 · 255 · 33000 is just below 2^31.
    const [rows, columns] = [18, 33_000];
    const scheme: AffineScheme = { bits: 8, symmetric: false, granularity: { kind: 'channel' } };
    const plain = (width: number): PlainQuantizedWeight => ({
      scheme,
      rows,
      columns: width,
      words: denseWords(new Int8Array(rows * width).fill(-128), rows, width, 8),
      scales: new Float32Array(rows).fill(1),
      zeroPoints: new Int32Array(rows).fill(127),
    });
    const weight = plain(columns);
    const activation: Int8Activation = { kind: 'static', reduceRange: false, scale: 1, zeroPoint: 255 };
    const m = 5;
    await everywhere(
      () =>
        withWeight(weight, 'int8', (operand) =>
          int8Linear(tf.fill([m, columns], -1000), operand, undefined, activation),
        ),
      (values, _, name) => {
        expect(values, name).toEqual(new Float32Array(m * rows).fill(255 * 255 * columns));
      },
    );
    const wider = plain(columns + 1);
    for (const { name, backend } of backends) {
      await tf.setBackend(name);
      const { blocks } = backend.runtime.heap;
      expect(() => packWeights(wider, 'int8')).toThrow(
        'an int8 layer of 33001 inputs could overflow its 32-bit sums. Leave layers with more than 33000 inputs',
      );
      expect(backend.runtime.heap.blocks).toBe(blocks);
    }
  });

  it('group-wise layers of many inputs, and of no rows, equal the reference', async () => {
    for (const [bits, columns] of [
      [4, 70_016],
      [8, 70_016],
    ] as const) {
      const weight = randomWeight(random, { bits, rows: 20, columns, groupSize: 128, symmetric: true });
      const x = uniformValues(random, 5 * columns);
      for (const m of [5, 0]) {
        await everywhere(
          () =>
            withWeight(weight, 'groupwise', (operand) =>
              groupwiseLinear(
                tf.tensor2d(x.subarray(0, m * columns), [m, columns]),
                operand,
                undefined,
                'int8-block',
              ),
            ),
          (values, expected, name) => {
            expect(values.length, name).toBe(m * weight.rows);
            // Sums of k terms, as above; |x| < 1.
            const bound = columns * 2 ** -24 * Math.sqrt(columns) * 2 ** bits * 0.021;
            const worst = values.reduce(
              (w, v, at) => Math.max(w, Math.abs(v - (expected[at] ?? Number.NaN))),
              0,
            );
            expect(worst, `${name} ${bits} bits`).toBeLessThan(bound);
          },
        );
      }
    }
  });
});
