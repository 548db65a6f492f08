import { expect } from 'vitest';

/** Asserts that every value is within `tolerance` of the expected one, absolutely; NaN is never close. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  let at = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= worst)) [worst, at] = [difference, i];
  }
  expect(worst, `element ${at}: ${actual[at]}, expected ${expected[at]}`).toBeLessThanOrEqual(tolerance);
}
