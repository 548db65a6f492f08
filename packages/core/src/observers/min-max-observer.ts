import type { Observer } from './observer.js';
import type { MinMaxState, RangeObserverOptions, RangeState } from './observer-state.js';
import { rangeObserver } from './range-observer.js';

/**
 * The smallest and largest value seen, per tensor or per channel (PyTorch's `MinMaxObserver` and
 * `PerChannelMinMaxObserver`).
 */
export function minMaxObserver(options: RangeObserverOptions, state?: RangeState): Observer {
  return rangeObserver(
    options,
    state,
    (known, batch) => ({
      min: known.min.map((value, i) => Math.min(value, batch.min[i])),
      max: known.max.map((value, i) => Math.max(value, batch.max[i])),
    }),
    (range): MinMaxState => ({ observer: 'min-max', options, ...range }),
  );
}
