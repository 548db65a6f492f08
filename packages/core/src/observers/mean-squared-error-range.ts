import { type AffineRule, chooseAffineParams } from '../affine/affine-params.js';
import { roundHalfEven } from '../numeric/round-half-even.js';
import type { Histogram } from './histogram.js';

/** Sizes tried for an end of the range, as parts of the observed one: 1, 0.99 … 0.01. */
const gridPoints = 100;
/** Rounds of searching one end, then the other; the second seldom changes anything. */
const rounds = 3;

/**
 * The part of a histogram's range whose quantization by `rule` has the smallest mean squared error, each bin standing
 * for its centre; never a larger error than the whole range. Symmetric: both ends shrink together. Otherwise one end
 * is searched with the other fixed, in turns.
 */
export function meanSquaredErrorRange(
  histogram: Histogram,
  rule: AffineRule,
): { readonly min: number; readonly max: number } {
  const { min, max } = histogram;
  if (min === max) return { min, max };
  let best = { min, max };
  let smallest = errorOf(histogram, min, max, rule);
  const consider = (low: number, high: number): void => {
    const error = errorOf(histogram, low, high, rule);
    if (error < smallest) {
      smallest = error;
      best = { min: low, max: high };
    }
  };
  if (rule.symmetric === true) {
    for (let k = 1; k < gridPoints; k++) {
      const part = 1 - k / gridPoints;
      consider(min * part, max * part);
    }
    return best;
  }
  for (let round = 0; round < rounds; round++) {
    const before = smallest;
    for (let k = 1; k < gridPoints && min < 0; k++) consider(min * (1 - k / gridPoints), best.max);
    for (let k = 1; k < gridPoints && max > 0; k++) consider(best.min, max * (1 - k / gridPoints));
    if (smallest === before) break;
  }
  return best;
}

function errorOf({ min, max, counts }: Histogram, low: number, high: number, rule: AffineRule): number {
  const { scale, zeroPoint } = chooseAffineParams(low, high, rule);
  const first = rule.reduceRange === true ? Math.trunc(rule.qmin / 2) : rule.qmin;
  const last = rule.reduceRange === true ? Math.trunc(rule.qmax / 2) : rule.qmax;
  const width = (max - min) / counts.length;
  let error = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    if (counts[bin] === 0) continue;
    const value = min + (bin + 0.5) * width;
    const level = Math.min(Math.max(roundHalfEven(value / scale) + zeroPoint, first), last);
    const difference = value - (level - zeroPoint) * scale;
    error += counts[bin] * difference * difference;
  }
  return error;
}
