import { TampError } from '@tamp/core';
import type { SizePenalty } from './size-penalty.js';

/**
 * The weight is base · (1 + limited(proportionalGain · ahead)), where `ahead` is the error ln(size / target) expected
 * `lookAhead` steps from now. The factor turns negative a little below the target and then pushes bits up again:
 * the task's own gradient would take far too long once the loss is small. The base, which is the penalty that holds
 * the size, grows and shrinks exponentially with `ahead`; far below the target, where the weight is negative, it grows too.
 */
const proportionalGain = 200;
const largestFactor = 3;
const integralGain = 0.1;
const largestIntegralError = 0.1;
/** An error below this is far below the target. */
const farBelow = -0.05;
const lookAhead = 30;
/** Share of the newest step in the smoothed change per step. */
const smoothing = 0.1;
const firstWeight = 1;
const weightBounds = { low: Math.log(1e-4), high: Math.log(1e5) };

function limited(value: number, bound: number): number {
  return Math.min(Math.max(value, -bound), bound);
}

/** A penalty that a controller moves so that the size settles on `target` MiB. */
export function sizeBudget(target: number): SizePenalty {
  let base = Math.log(firstWeight);
  let weight = firstWeight;
  let last = Number.NaN;
  let change = 0;
  return {
    get weight() {
      return weight;
    },
    followsSize: true,
    observe(size) {
      const error = Math.log(size / target);
      if (!Number.isNaN(last)) change += smoothing * (error - last - change);
      last = error;
      const ahead = error + lookAhead * change;
      const step = integralGain * limited(ahead, largestIntegralError);
      base += error < farBelow && ahead < farBelow ? -step : step;
      base = Math.min(Math.max(base, weightBounds.low), weightBounds.high);
      weight = Math.exp(base) * (1 + limited(proportionalGain * ahead, largestFactor));
    },
    state: () => [base, weight, last, change],
    restore(state) {
      if (state.length !== 4 || !state.every((value, i) => Number.isFinite(value) || i === 2)) {
        throw new TampError('the state of the size budget is damaged', { code: 'format' });
      }
      [base, weight, last, change] = state;
    },
  };
}
