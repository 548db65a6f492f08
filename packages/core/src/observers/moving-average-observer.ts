import { TampError } from '../errors/tamp-error.js';
import type { Observer } from './observer.js';
import type { MovingAverageOptions, MovingAverageState, RangeState } from './observer-state.js';
import { rangeObserver } from './range-observer.js';

/**
 * Exponential moving average of each batch's minimum and maximum, begun with the first batch's; in float32 (PyTorch's
 * `MovingAverageMinMaxObserver`). One batch with an outlier then hardly widens the range.
 */
export function movingAverageObserver(options: MovingAverageOptions, state?: RangeState): Observer {
  const { averagingConstant = 0.01, layer } = options;
  if (!(averagingConstant > 0 && averagingConstant <= 1)) {
    throw new TampError(`the averaging constant ${averagingConstant} is not in (0, 1]`, {
      code: 'usage',
      at: layer === undefined ? {} : { layer },
    });
  }
  const rate = Math.fround(averagingConstant);
  const towards = (known: Float32Array, batch: Float32Array): Float32Array =>
    known.map((value, i) => value + Math.fround(rate * Math.fround(batch[i] - value)));
  return rangeObserver(
    options,
    state,
    (known, batch) => ({ min: towards(known.min, batch.min), max: towards(known.max, batch.max) }),
    (range): MovingAverageState => ({ observer: 'moving-average', options, ...range }),
  );
}
