import { TampError } from '../errors/tamp-error.js';
import { extentOf } from './extent.js';
import { checkBatch, nothingObserved, type ObservedRange, type Observer, paramsOf } from './observer.js';
import type { ObserverState, RangeObserverOptions, RangeState } from './observer-state.js';

/** An observer whose whole state is its range; `merge` joins the range so far with that of a batch. */
export function rangeObserver(
  options: RangeObserverOptions,
  state: RangeState | undefined,
  merge: (known: ObservedRange, batch: ObservedRange) => ObservedRange,
  describe: (state: RangeState) => ObserverState,
): Observer {
  const { rule, axis, layer } = options;
  let known: ObservedRange | undefined =
    state === undefined || state.min.length === 0
      ? undefined
      : { min: Float32Array.from(state.min), max: Float32Array.from(state.max) };
  const range = (): ObservedRange => {
    if (known === undefined) throw nothingObserved(layer);
    return known;
  };
  return {
    observe(values, shape) {
      checkBatch(values, shape, layer);
      const batch = extentOf(values, shape, axis, layer);
      if (known !== undefined && known.min.length !== batch.min.length) {
        throw new TampError(
          `a batch has ${batch.min.length} channels, those before had ${known.min.length}`,
          {
            code: 'usage',
            at: layer === undefined ? {} : { layer },
          },
        );
      }
      known = known === undefined ? batch : merge(known, batch);
    },
    range,
    params: () => paramsOf(range(), rule),
    toJSON: () => describe({ min: Array.from(known?.min ?? []), max: Array.from(known?.max ?? []) }),
  };
}
