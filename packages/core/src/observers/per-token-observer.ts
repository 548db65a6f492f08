import { extentOf } from './extent.js';
import { checkBatch, nothingObserved, type ObservedRange, type Observer, paramsOf } from './observer.js';
import type { ObserverOptions, PerTokenState } from './observer-state.js';

/**
 * One range per token, the vectors along the last axis, of the latest batch alone: dynamic quantization, where each
 * call finds its own ranges. Ranges are in the row-major order of the other axes.
 */
export function perTokenObserver(options: ObserverOptions): Observer {
  let latest: ObservedRange | undefined;
  const range = (): ObservedRange => {
    if (latest === undefined) throw nothingObserved(options.layer);
    return latest;
  };
  return {
    observe(values, shape) {
      checkBatch(values, shape, options.layer);
      const width = shape.at(-1) ?? 1;
      const rows = width === 0 ? 0 : values.length / width;
      latest = extentOf(values, [rows, width], 0, options.layer);
    },
    range,
    params: () => paramsOf(range(), options.rule),
    toJSON: (): PerTokenState => ({ observer: 'per-token', options }),
  };
}
