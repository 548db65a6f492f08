import { readTensorFixture } from '@tamp/fixtures';
import { describe, expect, test } from 'vitest';
import { isTampError } from '../../src/errors/tamp-error.js';
import { Random } from '../../src/random/random.js';
import { dequantizeUniform, quantizeUniform, uniformRange } from '../../src/uniform/uniform-quantization.js';

interface UniformCase {
  readonly index: number;
  readonly kind: string;
  readonly min: number;
  readonly max: number;
}

const file = readTensorFixture('diffq', 'uniform.safetensors');
const cases = JSON.parse(file.metadata.cases) as UniformCase[];

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

// Exact: the same float32 operations in the same order.
describe.each(cases)('uniform case $index ($kind)', ({ index, min, max }) => {
  const values = file.get(`${index}.p`).float32();
  const bits = file.get(`${index}.bits`).numbers();

  test('range, every level and every value back are diffq’s', () => {
    const range = uniformRange(values);
    expect(range).toEqual({ min, max });
    const levels = quantizeUniform(values, range, bits);
    expect(levels instanceof Uint8Array).toBe(bits.every((b) => b <= 8));
    expect(Array.from(levels)).toEqual(file.get(`${index}.levels`).numbers());
    const back = dequantizeUniform(levels, range, bits);
    expect(Array.from(back)).toEqual(Array.from(file.get(`${index}.dequantized`).float32()));
  });
});

test('one number of bits means the same for every group', () => {
  const values = new Random(1).fillNormal(new Float32Array(60));
  const range = uniformRange(values);
  for (const bits of [1, 4, 8, 9, 15]) {
    const levels = quantizeUniform(values, range, bits);
    expect(quantizeUniform(values, range, new Array(12).fill(bits))).toEqual(levels);
    const back = dequantizeUniform(levels, range, bits);
    expect(dequantizeUniform(levels, range, new Array(12).fill(bits))).toEqual(back);
  }
});

test('the error is at most half a step, and minimum and maximum come back', () => {
  const random = new Random(2);
  for (let bits = 1; bits <= 15; bits++) {
    const values = random.fillNormal(new Float32Array(500));
    const range = uniformRange(values);
    const levels = quantizeUniform(values, range, bits);
    const back = dequantizeUniform(levels, range, bits);
    const width = range.max - range.min;
    // Half a step and four float32 roundings of numbers up to the width.
    const bound = width / (2 ** bits - 1) / 2 + 4 * width * 2 ** -24;
    values.forEach((value, i) => {
      expect(Math.abs(value - back[i])).toBeLessThanOrEqual(bound);
      if (value === range.min) expect(levels[i]).toBe(0);
      if (value === range.max) expect(levels[i]).toBe(2 ** bits - 1);
    });
  }
});

test('a constant tensor has level 0 and comes back exactly', () => {
  const values = new Float32Array(8).fill(0.1);
  const range = uniformRange(values);
  const levels = quantizeUniform(values, range, 3);
  expect(levels.every((level) => level === 0)).toBe(true);
  expect(dequantizeUniform(levels, range, 3)).toEqual(values);
});

test('values outside the range saturate', () => {
  const levels = quantizeUniform(Float32Array.of(-9, 0, 1, 9), { min: 0, max: 1 }, 4);
  expect(Array.from(levels)).toEqual([0, 0, 15, 15]);
});

test('bad input is refused', () => {
  const codeOf = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      return isTampError(error) ? error.code : 'another error';
    }
    return 'no error';
  };
  const range = { min: 0, max: 1 };
  for (const bits of [0, 16, 2.5, Number.NaN]) {
    expect(codeOf(() => quantizeUniform(new Float32Array(4), range, bits))).toBe('usage');
    expect(codeOf(() => quantizeUniform(new Float32Array(4), range, [4, bits]))).toBe('usage');
    expect(codeOf(() => dequantizeUniform(new Uint8Array(4), range, bits))).toBe('usage');
  }
  expect(codeOf(() => quantizeUniform(new Float32Array(4), range, [4, 4, 4]))).toBe('usage');
  expect(codeOf(() => quantizeUniform(new Float32Array(4), range, []))).toBe('usage');
  expect(codeOf(() => uniformRange(Float32Array.of(1, Number.NaN)))).toBe('data');
  expect(codeOf(() => uniformRange(Float32Array.of(1, -Infinity)))).toBe('data');
  expect(codeOf(() => uniformRange(Float32Array.of(3e38, -3e38)))).toBe('data');
  expect(codeOf(() => uniformRange(new Float32Array(0)))).toBe('data');
});
