import {
  type HistogramObserverState,
  histogramObserver,
  meanSquaredErrorObserver,
} from './histogram-observer.js';
import { type MinMaxState, minMaxObserver } from './min-max-observer.js';
import { type MovingAverageState, movingAverageObserver } from './moving-average-observer.js';
import type { Observer } from './observer.js';
import { type PerTokenState, perTokenObserver } from './per-token-observer.js';

/** Any observer as plain data: what its `toJSON` returns. */
export type ObserverState = MinMaxState | MovingAverageState | PerTokenState | HistogramObserverState;

/** The observer that `toJSON` described; it goes on as if it had never been away. */
export function restoreObserver(state: ObserverState): Observer {
  switch (state.observer) {
    case 'min-max':
      return minMaxObserver(state.options, state);
    case 'moving-average':
      return movingAverageObserver(state.options, state);
    case 'per-token':
      return perTokenObserver(state.options);
    case 'histogram':
      return histogramObserver(state.options, state.histogram);
    case 'mean-squared-error':
      return meanSquaredErrorObserver(state.options, state.histogram);
  }
}
