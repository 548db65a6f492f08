import { type Int8Activation, Random } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { createInt8Linear, type Int8Weight, quantizeInt8Weight } from '../src/index.js';
import { overBackends } from './backends.js';

// The formulas of PyTorch's FBGEMM operators once more, straight from their description and without tamp's functions.

const single = Math.fround;

function nearestEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

interface Quantized {
  readonly scale: number;
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

function chooseParameters(values: Float32Array, high: number): Quantized {
  let [min, max] = [Math.min(0, ...values), Math.max(0, ...values)];
  const smallest = single(6.1e-5);
  let scale = single((max - min) / high);
  if (scale === 0 || single(1 / scale) === Infinity) scale = single(0.1);
  if (scale < smallest) {
    const wider = single(smallest / scale);
    if (min === 0) max = single(smallest * high);
    else if (max === 0) min = single(-smallest * high);
    else [min, max] = [single(min * wider), single(max * wider)];
    scale = smallest;
  }
  const fromMin = Math.abs(min / scale) < high + Math.abs(max / scale);
  const exact = fromMin ? -min / scale : high - max / scale;
  return { scale, zero: nearestEven(clamp(exact, 0, high)), low: 0, high };
}

function quantization(activation: Int8Activation, x: Float32Array, row: Float32Array): Quantized {
  if (activation.kind === 'token') {
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return { scale: Math.max(single(largest / 127.5), 2 ** -23), zero: 0, low: -128, high: 127 };
  }
  const high = activation.reduceRange ? 127 : 255;
  if (activation.kind === 'tensor') return chooseParameters(x, high);
  return { scale: single(activation.scale), zero: activation.zeroPoint, low: 0, high };
}

function expectedOutput(
  x: Float32Array,
  { levels, scales, zeroPoints, rows, columns }: Int8Weight,
  bias: Float32Array,
  activation: Int8Activation,
): Float32Array {
  const out: number[] = [];
  for (let start = 0; start < x.length; start += columns) {
    const row = x.subarray(start, start + columns);
    const { scale, zero, low, high } = quantization(activation, x, row);
    const inverse = single(1 / scale);
    const quantized = Array.from(row, (value) =>
      clamp(nearestEven(single(value * inverse)) + zero, low, high),
    );
    for (let n = 0; n < rows; n++) {
      const group = scales.length === 1 ? 0 : n;
      let sum = 0;
      for (let k = 0; k < columns; k++) {
        sum += (quantized[k] - zero) * (levels[n * columns + k] - (zeroPoints?.[group] ?? 0));
      }
      out.push(single(single(single(sum) * single(scale * scales[group])) + bias[n]));
    }
  }
  return Float32Array.from(out);
}

const random = new Random(31);
const normal = (count: number, size: number): Float32Array =>
  random.fillNormal(new Float32Array(count)).map((value) => value * size);
const largestFloat = (2 - 2 ** -23) * 2 ** 127;

/** Inputs and weights at the edges of what float32 and the levels hold. */
const kinds: Readonly<Record<string, (count: number) => Float32Array>> = {
  normal: (count) => normal(count, 1),
  zeros: (count) => new Float32Array(count),
  'negative zeros': (count) => new Float32Array(count).fill(-0),
  constant: (count) => new Float32Array(count).fill(3.7),
  'negative constant': (count) => new Float32Array(count).fill(-3.7),
  'far from zero': (count) => normal(count, 1).map((value) => 100 + value),
  'below the smallest scale': (count) => normal(count, 1e-5),
  subnormal: (count) => normal(count, 1e-40),
  huge: (count) => normal(count, 5e37),
  'the ends of float32': (count) =>
    Float32Array.from({ length: count }, (_, i) => (i % 2 === 0 ? largestFloat : -largestFloat)),
  // The scale of the first value is 1: the rest are ties.
  ties: (count) => Float32Array.from({ length: count }, (_, i) => (i === 0 ? 127.5 : (i % 99) - 49.5)),
  'one outlier': (count) => Float32Array.from({ length: count }, (_, i) => (i === count - 1 ? 1e20 : 1)),
};

const shapes = [
  [1, 1, 1],
  [3, 1, 17],
  [2, 7, 1],
  [5, 33, 18],
  [34, 40, 16],
] as const;

const activations: readonly Int8Activation[] = [
  { kind: 'token' },
  { kind: 'tensor', reduceRange: false },
  { kind: 'tensor', reduceRange: true },
  { kind: 'static', reduceRange: false, scale: 0.0173, zeroPoint: 0 },
  { kind: 'static', reduceRange: false, scale: 0.3, zeroPoint: 255 },
  { kind: 'static', reduceRange: true, scale: 0.3, zeroPoint: 127 },
  { kind: 'static', reduceRange: false, scale: 1e-30, zeroPoint: 100 },
];

overBackends('the arithmetic', () => {
  test.each(Object.keys(kinds))('of %s: the bits of the formulas', async (kind) => {
    for (const [m, columns, rows] of shapes) {
      for (const weightKind of ['normal', 'zeros', 'constant', 'subnormal', 'the ends of float32']) {
        for (const granularity of ['channel', 'tensor'] as const) {
          const weight = quantizeInt8Weight(kinds[weightKind](rows * columns), rows, columns, {
            granularity,
          });
          const bias = normal(rows, 1);
          const values = kinds[kind](m * columns);
          const [x, b] = [tf.tensor2d(values, [m, columns]), tf.tensor1d(bias)];
          for (const activation of activations) {
            const layer = await createInt8Linear({ weight, bias: b, activation });
            const y = layer.apply(x);
            const actual = await y.data();
            const wrong = expectedOutput(values, weight, bias, activation).findIndex(
              (value, i) => !Object.is(value, actual[i]),
            );
            const label = JSON.stringify({ m, columns, rows, weightKind, granularity, activation });
            expect(wrong, `the first wrong result of ${label}`).toBe(-1);
            y.dispose();
            layer.dispose();
          }
          tf.dispose([x, b]);
        }
      }
    }
  });

  test('a row that is not finite is NaN, one scale for all is refused, a fixed one clamps', async () => {
    const [rows, columns] = [5, 21];
    const weight = quantizeInt8Weight(normal(rows * columns, 1), rows, columns);
    const values = normal(3 * columns, 1);
    const resultOf = async (input: Float32Array, activation: Int8Activation): Promise<Float32Array> => {
      const layer = await createInt8Linear({ weight, activation });
      const x = tf.tensor2d(input, [3, columns]);
      try {
        const y = layer.apply(x);
        const result = Float32Array.from(await y.data());
        y.dispose();
        return result;
      } finally {
        x.dispose();
        layer.dispose();
      }
    };
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      // In a vector of the middle row, and in its tail.
      for (const column of [2, columns - 1]) {
        const broken = values.slice();
        broken[columns + column] = bad;
        const whole = await resultOf(values, { kind: 'token' });
        whole.fill(Number.NaN, rows, 2 * rows);
        expect(await resultOf(broken, { kind: 'token' })).toEqual(whole);
        for (const reduceRange of [false, true]) {
          await expect(resultOf(broken, { kind: 'tensor', reduceRange })).rejects.toThrow(
            'is not a finite range',
          );
          const fixed: Int8Activation = { kind: 'static', reduceRange, scale: 0.05, zeroPoint: 60 };
          const clamped = broken.slice();
          clamped[columns + column] = bad > 0 ? 1e9 : -1e9;
          expect(await resultOf(broken, fixed)).toEqual(await resultOf(clamped, fixed));
        }
      }
    }
  });
});
