import { readTensorFixture } from '@tamp/fixtures';
import { describe, expect, test } from 'vitest';
import { chooseAffineParams } from '../../src/affine/affine-params.js';
import { dequantizeAffine, quantizeAffine } from '../../src/affine/quantize-affine.js';
import { isTampError } from '../../src/errors/tamp-error.js';
import { Random } from '../../src/random/random.js';

interface LinearCase {
  readonly index: number;
  readonly kind: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly weight_scale: number;
  readonly weight_zero_point: number;
}

const file = readTensorFixture('int8-linear', 'int8_linear.safetensors');
const cases = JSON.parse(file.metadata.cases) as LinearCase[];
const signed = { min: -128, max: 127 };

function extent(values: Float32Array): readonly [number, number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

describe.each(cases)('int8 linear case $index ($kind)', (linear) => {
  const weight = file.get(`${linear.index}.weight`).float32();

  test('one range per tensor: scale, zero point and every level are FBGEMM’s', () => {
    const params = chooseAffineParams(...extent(weight), { rule: 'fbgemm', qmin: -128, qmax: 127 });
    expect(params).toEqual({ scale: linear.weight_scale, zeroPoint: linear.weight_zero_point });
    const levels = quantizeAffine(weight, params, signed, new Int8Array(weight.length));
    expect(Array.from(levels)).toEqual(file.get(`${linear.index}.qweight`).numbers());
  });

  test('one range per channel: scales and every level are the observer’s', () => {
    const levels: number[] = [];
    const scales: number[] = [];
    for (let row = 0; row < linear.n; row++) {
      const values = weight.subarray(row * linear.k, (row + 1) * linear.k);
      const rule = { rule: 'observer', qmin: -128, qmax: 127, symmetric: true } as const;
      const params = chooseAffineParams(...extent(values), rule);
      expect(params.zeroPoint).toBe(0);
      scales.push(params.scale);
      levels.push(...quantizeAffine(values, params, signed, new Int8Array(values.length)));
    }
    expect(scales).toEqual(file.get(`${linear.index}.channel.scales`).numbers());
    expect(levels).toEqual(file.get(`${linear.index}.channel.qweight`).numbers());
  });
});

test('an empty range and a tiny one keep usable scales', () => {
  const byte = { qmin: 0, qmax: 255 };
  expect(chooseAffineParams(0, 0, { rule: 'fbgemm', ...byte }).scale).toBe(Math.fround(0.1));
  // 1e-43 / 255 underflows to zero in float32, which counts as empty.
  expect(chooseAffineParams(0, 1e-43, { rule: 'fbgemm', ...byte }).scale).toBe(Math.fround(0.1));
  expect(chooseAffineParams(-1e-6, 3e-6, { rule: 'fbgemm', ...byte }).scale).toBe(Math.fround(6.1e-5));
  // Widening keeps the proportions: zero stays a quarter of the way up.
  expect(chooseAffineParams(-1e-6, 3e-6, { rule: 'fbgemm', ...byte }).zeroPoint).toBe(64);
  // One that begins or ends at zero keeps it at that end of the levels, whatever the signs of these.
  const signedByte = { qmin: -128, qmax: 127 };
  expect(chooseAffineParams(0, 1e-6, { rule: 'fbgemm', ...signedByte }).zeroPoint).toBe(-128);
  expect(chooseAffineParams(-1e-6, 0, { rule: 'fbgemm', ...byte }).zeroPoint).toBe(255);
  // A scale of 1e-39 has no finite reciprocal in float32.
  expect(chooseAffineParams(0, 255e-39, { rule: 'fbgemm', ...byte }).scale).toBe(Math.fround(0.1));
  expect(chooseAffineParams(0, 0, { rule: 'observer', ...byte })).toEqual({ scale: 2 ** -23, zeroPoint: 0 });
});

test('a zero point halfway between two levels goes to the even one', () => {
  const byte = { qmin: 0, qmax: 255 };
  for (const rule of ['fbgemm', 'observer'] as const) {
    // The scale is 1.
    expect(chooseAffineParams(-2.5, 252.5, { rule, ...byte })).toEqual({ scale: 1, zeroPoint: 2 });
    expect(chooseAffineParams(-1.5, 253.5, { rule, ...byte })).toEqual({ scale: 1, zeroPoint: 2 });
  }
});

test('symmetric ranges put zero in the middle of the levels', () => {
  const rule = { rule: 'observer', symmetric: true } as const;
  expect(chooseAffineParams(-2, 1, { ...rule, qmin: 0, qmax: 255 }).zeroPoint).toBe(128);
  expect(chooseAffineParams(-2, 1, { ...rule, qmin: -8, qmax: 7 }).zeroPoint).toBe(0);
});

test('a reduced range uses half of the levels', () => {
  const params = chooseAffineParams(-1, 1, { rule: 'fbgemm', qmin: 0, qmax: 255, reduceRange: true });
  expect(params).toEqual({ scale: Math.fround(2 / 127), zeroPoint: 64 });
  // −64…63: PyTorch halves both ends.
  const signedRule = { rule: 'observer', qmin: -128, qmax: 127, reduceRange: true } as const;
  expect(chooseAffineParams(-64, 63, signedRule)).toEqual({ scale: 1, zeroPoint: 0 });
  expect(chooseAffineParams(0, 127, signedRule)).toEqual({ scale: 1, zeroPoint: -64 });
});

test('an observer’s zero point is rounded from a quotient in float32', () => {
  // In doubles low / scale is −69.4999983; the nearest float32 is −69.5, which rounds to the even −70.
  const { scale, zeroPoint } = chooseAffineParams(-1.1258702278137207, 3.0050203800201416, {
    rule: 'observer',
    qmin: 0,
    qmax: 255,
  });
  expect(scale).toBe(0.016199572011828423);
  expect(zeroPoint).toBe(70);
});

test('an observer’s range wider than float32 holds is refused, FBGEMM’s is not', () => {
  const range = [-3e38, 3e38] as const;
  expect(() => chooseAffineParams(...range, { rule: 'observer', qmin: 0, qmax: 255 })).toThrow(
    'is wider than float32 can hold',
  );
  expect(chooseAffineParams(...range, { rule: 'fbgemm', qmin: 0, qmax: 255 }).scale).toBe(
    Math.fround((Math.fround(3e38) * 2) / 255),
  );
});

test('a range that is not finite is refused', () => {
  for (const [min, max] of [
    [Number.NaN, 1],
    [0, Number.NaN],
    [-Infinity, 1],
    [0, Infinity],
    [1, 0],
  ] as const) {
    for (const rule of ['fbgemm', 'observer'] as const) {
      let caught: unknown;
      try {
        chooseAffineParams(min, max, { rule, qmin: 0, qmax: 255 });
      } catch (error) {
        caught = error;
      }
      expect(isTampError(caught) && caught.code).toBe('data');
    }
  }
});

test('values inside the range come back within half a step, values outside saturate', () => {
  const random = new Random(7);
  for (let round = 0; round < 200; round++) {
    const qmin = round % 2 === 0 ? 0 : -128;
    const size = 10 ** random.between(-3, 3);
    const center = size * random.between(-1, 1);
    const values = Float32Array.from({ length: 64 }, () => center + size * random.between(-1, 1));
    const rule = round % 4 < 2 ? 'fbgemm' : 'observer';
    const params = chooseAffineParams(...extent(values), { rule, qmin, qmax: qmin + 255 });
    const range = { min: qmin, max: qmin + 255 };
    const levels = quantizeAffine(values, params, range, new Int16Array(values.length));
    const back = dequantizeAffine(levels, params);
    // Half a step, one more for a zero point rounded inwards at either end, and a few ulps of the largest value.
    const bound = params.scale * 1.0001;
    for (let i = 0; i < values.length; i++) {
      expect(levels[i] >= qmin && levels[i] <= qmin + 255).toBe(true);
      expect(Math.abs(back[i] - values[i])).toBeLessThanOrEqual(bound);
    }
    const beyond = Float32Array.of(1e30, -1e30, Number.NaN);
    expect(Array.from(quantizeAffine(beyond, params, range, new Int16Array(3)))).toEqual([
      qmin + 255,
      qmin,
      qmin,
    ]);
  }
});
