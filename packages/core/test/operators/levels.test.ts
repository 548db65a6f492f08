import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { operators, quantizeAffine, Random, requantizeReference } from '../../src/index.js';
import { expectClose } from './expect-close.js';
import { runOperator } from './run-operator.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

function values(seed: number, length: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.between(-2, 2));
}

const params = { scale: Math.fround(0.013), zeroPoint: 101 };

describe('quantize and dequantize', () => {
  it('give the levels of quantizeAffine and their values', () => {
    const x = values(1, 500);
    const expected = quantizeAffine(x, params, { min: 0, max: 255 }, new Uint8Array(x.length));
    const levels = runOperator('quantize', [tf.tensor(x, [20, 25])], params);
    expect(Array.from(levels)).toEqual(Array.from(expected));
    expect(levels.some((level) => level === 0) && levels.some((level) => level === 255)).toBe(true);
    const back = runOperator('dequantize', [tf.tensor(levels, [20, 25], 'int32')], params);
    expect(Array.from(back)).toEqual(
      Array.from(expected, (level) => Math.fround((level - params.zeroPoint) * params.scale)),
    );
  });

  it('round halves to even', () => {
    const halves = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5);
    expect(Array.from(runOperator('quantize', [tf.tensor1d(halves)], { scale: 1, zeroPoint: 10 }))).toEqual([
      10, 12, 12, 10, 8,
    ]);
  });
});

describe('operators on levels', () => {
  it('max pooling and ReLU keep levels', () => {
    const levels = tf.tensor4d([3, 9, 200, 1], [1, 1, 2, 2], 'int32');
    expect(Array.from(runOperator('max_pool2d', [levels], { size: 2, stride: 2 }))).toEqual([200]);
    const more = tf.tensor1d([3, 9, 200], 'int32');
    expect(Array.from(runOperator('quantized_relu', [more], { zeroPoint: 10 }))).toEqual([10, 10, 200]);
  });

  it('a sum is that of the values, requantized, ReLU fused', () => {
    const attributes = { aScale: 0.5, aZeroPoint: 2, bScale: 0.25, bZeroPoint: 0, scale: 0.5, zeroPoint: 3 };
    const operands = () => [tf.tensor1d([0, 2, 255], 'int32'), tf.tensor1d([1, 1, 255], 'int32')];
    // (0 − 2) · 0.5 + 0.25 = −0.75 → −1.5 → −2 (to even) + 3; 0.25 → 0.5 → 0 + 3; 126.5 + 63.75 → 380 → 255.
    expect(Array.from(runOperator('quantized_add', operands(), attributes))).toEqual([1, 3, 255]);
    expect(Array.from(runOperator('quantized_add', operands(), { ...attributes, relu: true }))).toEqual([
      3, 3, 255,
    ]);
  });

  it('the rule of requantization rounds once per step', () => {
    // 2^24 + 1 is no float32: the exact sum is rounded to even before the offset is added.
    expect(requantizeReference(2 ** 24 + 1, 2 ** -18, 0, { zeroPoint: 0, lowest: 0 })).toBe(64);
    expect(requantizeReference(5, 0.5, 0, { zeroPoint: 7, lowest: 0 })).toBe(9);
    expect(requantizeReference(-100, 1, 0, { zeroPoint: 7, lowest: 7 })).toBe(7);
    expect(requantizeReference(1e6, 1, 0, { zeroPoint: 7, lowest: 0 })).toBe(255);
  });

  it.each([
    ['quantize', { scale: 0, zeroPoint: 0 }, /attribute scale must be positive/],
    ['quantize', { scale: 1, zeroPoint: 256 }, /attribute zeroPoint must be from 0 to 255/],
    ['quantize', { scale: 1 }, /attribute zeroPoint must be a number/],
    ['dequantize', { scale: 1, zeroPoint: 0 }, /the input must be levels/],
  ])('%s refuses %o', (name, attributes, message) => {
    expect(() => operators.infer(name, [{ dtype: 'float32', shape: [2] }], attributes, 'layer')).toThrow(
      message,
    );
  });
});

describe('layer_norm', () => {
  it('subtracts the mean and divides by the standard deviation, weight and bias after', () => {
    const [rows, width, epsilon] = [6, 40, 1e-2];
    const [x, weight, bias] = [values(1, rows * width), values(2, width), values(3, width)];
    const expected = Array.from(x, (value, at) => {
      const row = x.subarray(at - (at % width), at - (at % width) + width);
      const mean = row.reduce((sum, one) => sum + one, 0) / width;
      const variance = row.reduce((sum, one) => sum + (one - mean) ** 2, 0) / width;
      return ((value - mean) / Math.sqrt(variance + epsilon)) * weight[at % width] + bias[at % width];
    });
    const actual = runOperator(
      'layer_norm',
      [tf.tensor(x, [2, 3, width]), tf.tensor(weight), tf.tensor(bias)],
      {
        epsilon,
      },
    );
    // A few float32 roundings of values up to about 6.
    expectClose(actual, expected, 4e-6);
  });

  it('refuses a weight or bias of another width', () => {
    const type = (shape: number[]) => ({ dtype: 'float32', shape }) as const;
    expect(() =>
      operators.infer('layer_norm', [type([2, 4]), type([4]), type([3])], { epsilon: 0 }, 'l'),
    ).toThrow(/l: layer_norm: the bias must have shape \[4\]/);
  });
});
