import { operators } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CpuBackend } from '../src/index.js';
import { allBackends } from './backends.js';

const random = randomSource(31);

describe('float kernels', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  /**
   * The composition of tfjs operations on tfjs's own backend against the kernel, in every variant: within `bound` of
   * the values' largest magnitude, and the same bits for any number of threads.
   */
  async function compare(run: () => tf.Tensor, bound: number, label: string): Promise<void> {
    await tf.setBackend('cpu');
    const reference = tf.tidy(run);
    const expected = new Float32Array(await reference.data());
    reference.dispose();
    const scale = expected.reduce((largest, v) => Math.max(largest, Math.abs(v)), 1e-30);
    const bySimd = new Map<string, Float32Array>();
    for (const { name, simd, backend } of backends) {
      await tf.setBackend(name);
      const start = { tensors: tf.memory().numTensors, blocks: backend.runtime.heap.blocks };
      const result = tf.tidy(run);
      const values = new Float32Array(await result.data());
      expect(result.shape, label).toEqual(reference.shape);
      expect(result.dtype, label).toBe(reference.dtype);
      result.dispose();
      expect(tf.memory().numTensors).toBe(start.tensors);
      expect(backend.runtime.heap.blocks).toBe(start.blocks);
      const worst = values.reduce((w, v, i) => {
        const error = Math.abs(v - (expected[i] ?? Number.NaN));
        return error > w || Number.isNaN(error) ? error : w;
      }, 0);
      if (!(worst <= bound * scale)) expect.fail(`${name} ${label}: ${worst} above ${bound * scale}`);
      const first = bySimd.get(simd);
      if (first === undefined) bySimd.set(simd, values);
      else expect(values, `${name} ${label}`).toEqual(first);
    }
  }

  it('RMSNorm', async () => {
    for (const width of [1, 3, 8, 192, 515]) {
      const rows = integer(random, 1, 300);
      const x = uniformValues(random, rows * width);
      const weight = uniformValues(random, width);
      const run = (): tf.Tensor =>
        operators
          .get('rms_norm')
          .run([tf.tensor2d(x, [rows, width]), tf.tensor1d(weight)], { epsilon: 1e-5 });
      // A mean of positive numbers, a root and two products: eight roundings of half a unit.
      await compare(run, 8 * 2 ** -24, `width ${width}`);
    }
  });

  it('SwiGLU', async () => {
    for (const length of [1, 7, 4096, 9001]) {
      const gate = uniformValues(random, length).map((v, i) => v * (i % 3 === 0 ? 100 : 5));
      const up = uniformValues(random, length);
      const run = (): tf.Tensor => operators.get('swiglu').run([tf.tensor1d(gate), tf.tensor1d(up)], {});
      // The exponential is within two units in the last place; sum, quotient and products add four halves.
      await compare(run, 4 * 2 ** -23, `length ${length}`);
    }
  });

  it('rotary embedding', async () => {
    for (const headSize of [2, 6, 32, 128]) {
      const [batch, sequence, heads] = [2, 19, 3];
      const frequencies = Array.from({ length: headSize / 2 }, (_, i) => 10000 ** ((-2 * i) / headSize));
      const x = uniformValues(random, batch * sequence * heads * headSize);
      const run = (): tf.Tensor =>
        operators
          .get('rotary_embedding')
          .run([tf.tensor3d(x, [batch, sequence, heads * headSize])], { frequencies, attentionScale: 1.1 });
      // Two products and a sum.
      await compare(run, 3 * 2 ** -24, `head size ${headSize}`);
    }
  });

  it('causal attention with grouped-query heads', async () => {
    const shapes = [
      { batch: 1, queries: 1, keys: 1, heads: 1, keyValueHeads: 1, headSize: 4 },
      { batch: 2, queries: 1, keys: 77, heads: 4, keyValueHeads: 2, headSize: 16 },
      { batch: 1, queries: 3, keys: 40, heads: 3, keyValueHeads: 1, headSize: 5 },
      { batch: 2, queries: 65, keys: 65, heads: 6, keyValueHeads: 2, headSize: 32 },
      { batch: 1, queries: 130, keys: 150, heads: 2, keyValueHeads: 2, headSize: 20 },
      // More keys than a thread's scratch holds unless it is asked for more.
      { batch: 1, queries: 70, keys: 2000, heads: 1, keyValueHeads: 1, headSize: 64 },
    ];
    for (const s of shapes) {
      const width = s.heads * s.headSize;
      const keyWidth = s.keyValueHeads * s.headSize;
      const q = uniformValues(random, s.batch * s.queries * width).map((v) => v * 3);
      const k = uniformValues(random, s.batch * s.keys * keyWidth).map((v) => v * 3);
      const v = uniformValues(random, s.batch * s.keys * keyWidth);
      const run = (): tf.Tensor =>
        operators
          .get('attention')
          .run(
            [
              tf.tensor3d(q, [s.batch, s.queries, width]),
              tf.tensor3d(k, [s.batch, s.keys, keyWidth]),
              tf.tensor3d(v, [s.batch, s.keys, keyWidth]),
            ],
            {
              heads: s.heads,
              keyValueHeads: s.keyValueHeads,
              headSize: s.headSize,
              scale: 1 / Math.sqrt(s.headSize),
            },
          );
      // Scores up to 9·√headSize are off by headSize half units of themselves, and the exponential turns an
      // absolute error of a score into a relative error of its weight; the weights' sum and the values add theirs.
      const bound = (s.headSize * 9 * Math.sqrt(s.headSize) + 2 * s.keys) * 2 ** -24;
      await compare(run, bound, JSON.stringify(s));
    }
  });

  it('attention of one query alone has the bits it has among others', async () => {
    const [keys, heads, keyValueHeads] = [53, 4, 2];
    for (const headSize of [4, 5, 30, 64]) {
      const q = uniformValues(random, keys * heads * headSize).map((v) => v * 3);
      const k = uniformValues(random, keys * keyValueHeads * headSize).map((v) => v * 3);
      const v = uniformValues(random, keys * keyValueHeads * headSize);
      const attend = (from: number, to: number): tf.Tensor =>
        operators
          .get('attention')
          .run(
            [
              tf.tensor3d(q.subarray(from * heads * headSize, to * heads * headSize), [
                1,
                to - from,
                heads * headSize,
              ]),
              tf.tensor3d(k.subarray(0, to * keyValueHeads * headSize), [1, to, keyValueHeads * headSize]),
              tf.tensor3d(v.subarray(0, to * keyValueHeads * headSize), [1, to, keyValueHeads * headSize]),
            ],
            { heads, keyValueHeads, headSize, scale: 1 / Math.sqrt(headSize) },
          );
      for (const { name } of backends) {
        await tf.setBackend(name);
        const read = async (from: number, to: number): Promise<Float32Array> => {
          const result = tf.tidy(() => attend(from, to));
          const values = new Float32Array(await result.data());
          result.dispose();
          return values;
        };
        const all = await read(0, keys);
        for (const [from, to] of [
          [0, 1],
          [7, 8],
          [20, 22],
          [49, 52],
          [52, 53],
        ] as const) {
          const expected = all.subarray(from * heads * headSize, to * heads * headSize);
          expect(await read(from, to), `${name} head size ${headSize}, queries ${from} to ${to}`).toEqual(
            expected,
          );
        }
      }
    }
  });

  it('rows of a table, and other gathers', async () => {
    const table = uniformValues(random, 50 * 6);
    const ids = Int32Array.from({ length: 12 }, () => integer(random, 0, 49));
    const gather = (axis: number): tf.Tensor =>
      tf.gather(
        tf.tensor2d(table, [50, 6]),
        tf.tensor2d(axis === 0 ? ids : ids.map((id) => id % 6), [3, 4]),
        axis,
      );
    // Copies: the same bits.
    await compare(() => gather(0), 0, 'rows');
    await compare(() => gather(1), 0, 'columns');
    await compare(() => tf.gather(tf.tensor1d(table), tf.tensor1d(ids, 'int32')), 0, 'elements');
    for (const { name } of backends) {
      await tf.setBackend(name);
      const before = tf.memory().numTensors;
      const outside = (): tf.Tensor => tf.gather(tf.tensor2d(table, [50, 6]), tf.tensor1d([3, 50], 'int32'));
      expect(() => tf.tidy(outside)).toThrow('the index value 50 is not in [0, 49]');
      const below = (): tf.Tensor => tf.gather(tf.tensor2d(table, [50, 6]), tf.tensor1d([-1], 'int32'));
      expect(() => tf.tidy(below)).toThrow('the index value -1 is not in [0, 49]');
      expect(tf.memory().numTensors).toBe(before);
    }
    // What is left to tfjs: a table of integers, and rows chosen apart in each of a batch.
    const integers = (): tf.Tensor =>
      tf.gather(tf.tensor2d(ids, [6, 2], 'int32'), tf.tensor1d([5, 0], 'int32'));
    await compare(integers, 0, 'integers');
    const apart = (): tf.Tensor =>
      tf.gather(tf.tensor2d(table.subarray(0, 12), [2, 6]), tf.tensor2d([1, 0, 5, 5], [2, 2], 'int32'), 1, 1);
    await compare(apart, 0, 'in a batch');
  });

  it('softmax, sums, differences and products', async () => {
    for (const [rows, width] of [
      [1, 1],
      [5, 7],
      [70, 1030],
    ] as const) {
      const a = uniformValues(random, rows * width).map((v) => v * 20);
      const b = uniformValues(random, rows * width);
      const shape: [number, number] = [rows, width];
      const label = `${rows} x ${width}`;
      // The exponential's two units, the sum of up to 1030 positive terms in four lanes, one product.
      await compare(() => tf.softmax(tf.tensor2d(a, shape)), (3 + width / 8) * 2 ** -23, label);
      // One rounding on both sides: the same bits.
      await compare(() => tf.add(tf.tensor2d(a, shape), tf.tensor2d(b, shape)), 0, label);
      await compare(() => tf.sub(tf.tensor2d(a, shape), tf.tensor2d(b, shape)), 0, label);
      await compare(() => tf.mul(tf.tensor2d(a, shape), tf.tensor2d(b, shape)), 0, label);
      await compare(() => tf.mul(tf.tensor2d(a, shape), 0.37), 0, label);
      await compare(() => tf.sub(1, tf.tensor2d(a, shape)), 0, label);
      const whole = (): tf.Tensor => tf.tensor2d(Int32Array.from(a), shape, 'int32');
      await compare(() => tf.mul(whole(), tf.scalar(3, 'int32')), 0, label);
      await compare(() => tf.add(tf.tensor2d(a, shape), tf.tensor1d(b.subarray(0, width))), 0, label);
    }
  });
});
