import { randomSource, uniformValues } from '@tamp/fixtures/random';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { scaleColumns } from '../src/rewrite/scale-weight.js';
import { roundAffine, roundSymmetric } from '../src/simulate/round-to-int8.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const smallestScale = 2 ** -23;
const random = randomSource(5);

/** Rows of many sizes, from below the smallest scale to large, one of zeros; values that are ties of one scale. */
function rows(): Float32Array {
  const sizes = [1, 1e-12, 3e-5, 127.5, 4000, 0, 0.02, 1e20];
  return Float32Array.from(
    sizes.flatMap((size) => [...uniformValues(random, 60), 1, -1, 0.5, -0.1].map((value) => value * size)),
  );
}

/** The values of tensors that the formula is written in: what the loops must equal bit for bit. */
function values(formula: () => tf.Tensor): Float32Array {
  return tf.tidy(() => Float32Array.from(formula().dataSync<'float32'>()));
}

/** As numbers, of which 0 and −0 are the same. */
const numbers = (of: Float32Array): number[] => Array.from(of, (value) => value + 0);

test('symmetric int8 with a scale for each row, or one for all', () => {
  const x = rows();
  for (const [length, axes] of [
    [64, [1]],
    [512, [0, 1]],
  ] as const) {
    const expected = values(() => {
      const tensor = tf.tensor2d(x, [8, 64]);
      const scale = tf.maximum(tf.div(tf.max(tf.abs(tensor), [...axes], true), 127.5), smallestScale);
      return tf.mul(tf.clipByValue(tf.round(tf.div(tensor, scale)), -128, 127), scale);
    });
    expect(numbers(roundSymmetric(x, length))).toEqual(numbers(expected));
  }
});

test('affine uint8 with a scale and a zero point for all values', () => {
  const all = rows();
  for (let row = 0; row < 8; row++) {
    for (const shift of [-2, 0, 3]) {
      const x = all
        .slice(row * 64, (row + 1) * 64)
        .map((value, i) => value + shift * (all[row * 64 + i] + 1));
      const expected = values(() => {
        const tensor = tf.tensor1d(x);
        const low = tf.minimum(tf.min(tensor), 0);
        const high = tf.maximum(tf.max(tensor), 0);
        const scale = tf.maximum(tf.div(tf.sub(high, low), 255), smallestScale);
        const zero = tf.neg(tf.round(tf.div(low, scale)));
        const levels = tf.clipByValue(tf.add(tf.round(tf.div(tensor, scale)), zero), 0, 255);
        return tf.mul(tf.sub(levels, zero), scale);
      });
      expect(numbers(roundAffine(x))).toEqual(numbers(expected));
    }
  }
});

test('columns are scaled by the factor of their channel, windows of a convolution and pixels with them', () => {
  const x = uniformValues(random, 2 * 4 * 3);
  const factor = Float32Array.of(0.3, 7);
  const expected = values(() => tf.mul(tf.tensor3d(x, [2, 4, 3]), tf.tensor3d([0.3, 7, 7, 0.3], [1, 4, 1])));
  expect(scaleColumns(x, factor, Int32Array.of(0, 1, 1, 0), 3)).toEqual(expected);
});
