import { histogramObserver, meanSquaredErrorObserver } from './histogram-observer.js';
import { minMaxObserver } from './min-max-observer.js';
import { movingAverageObserver } from './moving-average-observer.js';
import type { Observer } from './observer.js';
import type { ObserverState } from './observer-state.js';
import { perTokenObserver } from './per-token-observer.js';

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
