import { expect, test } from 'vitest';
import { weightError } from '../../src/index.js';

test('the error of a weight relative to its norm, in the mean, and in decibels', () => {
  const error = weightError(Float32Array.of(3, -4), Float32Array.of(3, -3.5));
  expect(error.relativeError).toBe(0.1);
  expect(error.meanSquaredError).toBe(0.125);
  // 10 · log10(25 / 0.25); one rounding of the logarithm.
  expect(error.signalToNoise).toBeCloseTo(20, 12);
});

test('an exact copy has no signal-to-noise ratio; noise on zeros is all error', () => {
  expect(weightError(new Float32Array(2), new Float32Array(2))).toEqual({
    relativeError: 0,
    meanSquaredError: 0,
  });
  expect(weightError(new Float32Array(2), Float32Array.of(0, 1))).toEqual({
    relativeError: 1,
    meanSquaredError: 0.5,
  });
});
