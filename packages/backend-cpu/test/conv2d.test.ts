import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CpuBackend } from '../src/index.js';
import { allBackends } from './backends.js';

interface Case {
  readonly x: [number, number, number, number];
  readonly filter: [number, number, number, number];
  readonly strides: [number, number];
  readonly pad: 'same' | 'valid' | tf.backend_util.ExplicitPadding;
  readonly dilations: [number, number];
}

const random = randomSource(41);
const pads: Case['pad'][] = [
  'same',
  'valid',
  [
    [0, 0],
    [2, 1],
    [0, 3],
    [0, 0],
  ],
];
const cases: Case[] = Array.from({ length: 24 }, (_, i): Case => {
  const dilated = i % 6 === 5;
  return {
    x: [integer(random, 1, 5), integer(random, 7, 14), integer(random, 7, 14), integer(random, 1, 9)],
    filter: [integer(random, 1, 3), integer(random, 1, 3), 0, integer(random, 1, 37)],
    strides: dilated ? [1, 1] : [integer(random, 1, 2), integer(random, 1, 3)],
    pad: pads[i % 3] ?? 'same',
    dilations: dilated ? [2, 2] : [1, 1],
  };
}).map((c) => ({ ...c, filter: [c.filter[0], c.filter[1], c.x[3], c.filter[3]] }));
// More windows than one pass takes, and a convolution whose windows are single pixels.
cases.push(
  { x: [40, 30, 30, 8], filter: [3, 3, 8, 4], strides: [1, 1], pad: 'same', dilations: [1, 1] },
  { x: [3, 9, 9, 6], filter: [1, 1, 6, 10], strides: [1, 1], pad: 'valid', dilations: [1, 1] },
  // Single pixels with a border, and windows that spread more one way than the other.
  { x: [3, 9, 8, 6], filter: [1, 1, 6, 10], strides: [1, 1], pad: pads[2] ?? 'same', dilations: [1, 1] },
  { x: [2, 12, 13, 3], filter: [3, 2, 3, 5], strides: [1, 1], pad: 'same', dilations: [2, 3] },
);

describe('conv2d', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  /** Each variant against tfjs's own kernel; sums of `terms` products of numbers below 1. */
  async function compare(run: () => tf.Tensor, terms: number, label: string): Promise<void> {
    await tf.setBackend('cpu');
    const reference = tf.tidy(run);
    const expected = new Float32Array(await reference.data());
    reference.dispose();
    for (const { name, backend } of backends) {
      await tf.setBackend(name);
      const start = { tensors: tf.memory().numTensors, blocks: backend.runtime.heap.blocks };
      const result = tf.tidy(run);
      expect(result.shape, label).toEqual(reference.shape);
      expect(result.dtype, label).toBe(reference.dtype);
      const values = await result.data<'float32'>();
      result.dispose();
      expect(tf.memory().numTensors).toBe(start.tensors);
      expect(backend.runtime.heap.blocks).toBe(start.blocks);
      const worst = values.reduce((w, v, i) => {
        const error = Math.abs(v - (expected[i] ?? Number.NaN));
        return error > w || Number.isNaN(error) ? error : w;
      }, 0);
      // Every addition rounds a running sum below √terms in size, as good as always; a factor of 4 for the tail.
      const bound = 4 * terms * Math.sqrt(terms) * 2 ** -24 + 1e-7;
      if (!(worst <= bound)) expect.fail(`${name} ${label}: ${worst} above ${bound}`);
    }
  }

  it('and both gradients equal those of tfjs', async () => {
    for (const c of cases) {
      const { strides, pad, dilations } = c;
      const label = JSON.stringify(c);
      const xs = uniformValues(random, tf.util.sizeFromShape(c.x));
      const ws = uniformValues(random, tf.util.sizeFromShape(c.filter));
      const window = c.filter[0] * c.filter[1] * c.filter[2];
      const x = (): tf.Tensor4D => tf.tensor4d(xs, c.x);
      const filter = (): tf.Tensor4D => tf.tensor4d(ws, c.filter);
      await compare(() => tf.conv2d(x(), filter(), strides, pad, 'NHWC', dilations), window, label);
      if (dilations[0] !== 1) continue;
      const { outShape } = tf.backend_util.computeConv2DInfo(c.x, c.filter, strides, dilations, pad);
      const dys = uniformValues(random, tf.util.sizeFromShape(outShape));
      const dy = (): tf.Tensor => tf.tensor(dys, outShape);
      const attrs = { strides, pad, dataFormat: 'NHWC', inputShape: c.x, filterShape: c.filter };
      const run = (kernel: string, inputs: tf.NamedTensorMap): tf.Tensor =>
        tf.engine().runKernel(kernel, inputs, attrs as unknown as tf.NamedAttrMap);
      await compare(
        () => run(tf.Conv2DBackpropFilter, { x: x(), dy: dy() }),
        (outShape[0] ?? 1) * (outShape[1] ?? 1) * (outShape[2] ?? 1),
        `filter gradient ${label}`,
      );
      await compare(
        () => run(tf.Conv2DBackpropInput, { dy: dy(), filter: filter() }),
        c.filter[0] * c.filter[1] * c.filter[3],
        `input gradient ${label}`,
      );
    }
  });

  it('adds a bias and applies an activation, and leaves channels first, nothing and integers to tfjs', async () => {
    const xs = uniformValues(random, 2 * 6 * 7 * 3);
    const ws = uniformValues(random, 3 * 3 * 3 * 5);
    const bs = uniformValues(random, 5);
    for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid'] as const) {
      const run = (): tf.Tensor =>
        tf.fused.conv2d({
          x: tf.tensor4d(xs, [2, 6, 7, 3]),
          filter: tf.tensor4d(ws, [3, 3, 3, 5]),
          strides: 1,
          pad: 'same',
          bias: tf.tensor1d(bs),
          activation,
        });
      await compare(run, 28, activation);
    }
    const channelsFirst = (): tf.Tensor =>
      tf.conv2d(tf.tensor4d(xs, [2, 3, 6, 7]), tf.tensor4d(ws, [3, 3, 3, 5]), 1, 'valid', 'NCHW');
    await compare(channelsFirst, 27, 'channels first');
    const none = (): tf.Tensor =>
      tf.conv2d(tf.tensor4d([], [0, 6, 7, 3]), tf.tensor4d(ws, [3, 3, 3, 5]), 1, 'valid');
    await compare(none, 27, 'no images');
    const whole = (): tf.Tensor =>
      tf.tensor4d(
        xs.map((value) => Math.round(9 * value)),
        [2, 6, 7, 3],
        'int32',
      );
    const attrs = { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dilations: [1, 1] };
    const integers = (): tf.Tensor =>
      tf
        .engine()
        .runKernel(
          tf.Conv2D,
          { x: whole(), filter: tf.ones([3, 3, 3, 5], 'int32') },
          attrs as unknown as tf.NamedAttrMap,
        );
    await compare(integers, 27, 'integers');
    // A cast without conversion leaves int32 values under a float32 tensor.
    const cast = (): tf.Tensor =>
      tf.conv2d(tf.cast(whole(), 'float32') as tf.Tensor4D, tf.tensor4d(ws, [3, 3, 3, 5]), 1, 'valid');
    await compare(cast, 27, 'a cast');
  });
});
