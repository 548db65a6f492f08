import { TampError } from '../errors/tamp-error.js';
import { extentOf } from './extent.js';
import { extendHistogram, type Histogram } from './histogram.js';
import { histogramRange } from './histogram-range.js';
import { meanSquaredErrorRange } from './mean-squared-error-range.js';
import { checkBatch, nothingObserved, type ObservedRange, type Observer, paramsOf } from './observer.js';
import type { HistogramObserverOptions, HistogramObserverState, HistogramState } from './observer-state.js';

/**
 * A histogram of all values, whose sparse ends are cut off while that does not raise the squared error (PyTorch's
 * `HistogramObserver`; see {@link histogramRange}).
 */
export function histogramObserver(options: HistogramObserverOptions, state?: HistogramState): Observer {
  const { qmin, qmax } = options.rule;
  return overHistogram('histogram', options, state, (histogram) =>
    histogramRange(histogram, qmax - qmin + 1),
  );
}

/**
 * A histogram of all values, and of the ranges on a grid the one whose quantization has the smallest mean squared
 * error; see {@link meanSquaredErrorRange}. Searches more widely than {@link histogramObserver}.
 */
export function meanSquaredErrorObserver(
  options: HistogramObserverOptions,
  state?: HistogramState,
): Observer {
  return overHistogram('mean-squared-error', options, state, (histogram) =>
    meanSquaredErrorRange(histogram, options.rule),
  );
}

function overHistogram(
  observer: HistogramObserverState['observer'],
  options: HistogramObserverOptions,
  state: HistogramState | undefined,
  search: (histogram: Histogram) => { readonly min: number; readonly max: number },
): Observer {
  const { rule, layer, bins = 2048 } = options;
  if (!Number.isInteger(bins) || bins < 2 || bins > 65536) {
    throw new TampError(`a histogram of ${bins} bins is not possible`, {
      code: 'usage',
      at: layer === undefined ? {} : { layer },
      remedy: 'Choose a whole number from 2 to 65536.',
    });
  }
  let histogram: Histogram | undefined =
    state === undefined ? undefined : { ...state, counts: Float64Array.from(state.counts) };
  const range = (): ObservedRange => {
    if (histogram === undefined) throw nothingObserved(layer);
    const { min, max } = search(histogram);
    return { min: Float32Array.of(min), max: Float32Array.of(max) };
  };
  return {
    observe(values, shape) {
      checkBatch(values, shape, layer);
      const { min, max } = extentOf(values, shape, undefined, layer);
      histogram = extendHistogram(histogram, values, min[0], max[0], bins);
    },
    range,
    params: () => paramsOf(range(), rule),
    toJSON: (): HistogramObserverState => ({
      observer,
      options,
      ...(histogram === undefined
        ? {}
        : { histogram: { ...histogram, counts: Array.from(histogram.counts) } }),
    }),
  };
}
