import { TampError } from '@tamp/core';
import type { SizePenalty } from './size-penalty.js';

/** The weight follows e^(integral + proportional · error), error = ln(size / target), within these bounds. */
const proportionalGain = 4;
const integralGain = 0.05;
/** The integral takes no larger error than this, so that it does not run away while the size is still far off. */
const largestError = 0.1;
const firstWeight = 1;
const weightBounds = { low: Math.log(1e-4), high: Math.log(1e5) };

/** A penalty that a controller moves so that the size settles on `target` MiB. */
export function sizeBudget(target: number): SizePenalty {
  let integral = Math.log(firstWeight);
  let weight = firstWeight;
  return {
    get weight() {
      return weight;
    },
    followsSize: true,
    observe(size) {
      const error = Math.log(size / target);
      integral += integralGain * Math.min(Math.max(error, -largestError), largestError);
      integral = Math.min(Math.max(integral, weightBounds.low), weightBounds.high);
      weight = Math.exp(integral + proportionalGain * error);
    },
    state: () => [integral, weight],
    restore(state) {
      if (state.length !== 2 || !state.every(Number.isFinite)) {
        throw new TampError('the state of the size budget is damaged', { code: 'format' });
      }
      [integral, weight] = state;
    },
  };
}
