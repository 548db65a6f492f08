import { readTensorFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { columnOffsets, createInt8Linear, type Int8LinearSource, quantizeInt8Weight } from '../src/index.js';
import { overBackends } from './backends.js';

interface Case {
  readonly index: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly kind: string;
  readonly weight_scale: number;
  readonly weight_zero_point: number;
}

const file = readTensorFixture('int8-linear', 'int8_linear.safetensors');
const cases: readonly Case[] = JSON.parse(file.metadata.cases);

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

test.each(cases)('case $index ($kind): per-tensor levels, scale, zero point and column offsets', (each) => {
  const { index, k, n } = each;
  const weight = quantizeInt8Weight(file.get(`${index}.weight`).float32(), n, k, { granularity: 'tensor' });
  expect(Array.from(weight.scales)).toEqual([Math.fround(each.weight_scale)]);
  expect(Array.from(weight.zeroPoints ?? [])).toEqual([each.weight_zero_point]);
  expect(Array.from(weight.levels)).toEqual(file.get(`${index}.qweight`).numbers());
  expect(Array.from(columnOffsets(weight))).toEqual(file.get(`${index}.col_offsets`).numbers());
});

test.each(cases)('case $index ($kind): per-channel levels and scales', ({ index, k, n }) => {
  const weight = quantizeInt8Weight(file.get(`${index}.weight`).float32(), n, k);
  expect(weight.scales).toEqual(file.get(`${index}.channel.scales`).float32());
  expect(weight.zeroPoints).toBeUndefined();
  expect(Array.from(weight.levels)).toEqual(file.get(`${index}.channel.qweight`).numbers());
});

overBackends('outputs of PyTorch', () => {
  const outputs: readonly (readonly [string, Pick<Int8LinearSource, 'granularity' | 'activation'>])[] = [
    ['output', { granularity: 'tensor', activation: { kind: 'tensor', reduceRange: false } }],
    ['channel.output', { granularity: 'channel', activation: { kind: 'tensor', reduceRange: true } }],
  ];
  for (const [name, options] of outputs) {
    test.each(cases)(`case $index ($kind): ${name}`, async ({ index, m, k, n }) => {
      const expected = file.get(`${index}.${name}`).float32();
      const weight = tf.tensor2d(file.get(`${index}.weight`).float32(), [n, k]);
      const bias = tf.tensor1d(file.get(`${index}.bias`).float32());
      const x = tf.tensor2d(file.get(`${index}.input`).float32(), [m, k]);
      const layer = await createInt8Linear({ weight, bias, ...options });
      const y = layer.apply(x);
      expect(y.shape).toEqual([m, n]);
      const actual = await y.data();
      const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      // The accumulators are exact; scaling and bias are three float32 roundings, in an order of FBGEMM's own.
      expected.forEach((value, i) => {
        expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(1e-6 * largest);
      });
      layer.dispose();
      tf.dispose([weight, bias, x, y]);
    });
  }

  test('no bias is a bias of zeros, and any leading dimensions are rows', async () => {
    for (const { index, m, k, n } of cases) {
      const weight = tf.tensor2d(file.get(`${index}.weight`).float32(), [n, k]);
      const zeros = tf.zeros<tf.Rank.R1>([n]);
      const x = tf.tensor2d(file.get(`${index}.input`).float32(), [m, k]);
      const with0 = await createInt8Linear({ weight, bias: zeros });
      const without = await createInt8Linear({ weight });
      const [a, b] = [with0.apply(x), tf.tidy(() => without.apply(tf.reshape(x, [1, m, k])))];
      expect(b.shape).toEqual([1, m, n]);
      expect(await a.data()).toEqual(await b.data());
      with0.dispose();
      without.dispose();
      tf.dispose([weight, zeros, x, a, b]);
    }
  });
});
