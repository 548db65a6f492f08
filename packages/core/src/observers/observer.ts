import { type AffineRule, chooseAffineParams } from '../affine/affine-params.js';
import { TampError } from '../errors/tamp-error.js';
import { checkFinite } from '../numeric/check-finite.js';
import type { ObserverState } from './observer-state.js';

/** Ranges of values, one entry per scale: one for a whole tensor, or one per channel or token. */
export interface ObservedRange {
  readonly min: Float32Array;
  readonly max: Float32Array;
}

/** Scales and zero points, one entry per range. */
export interface ObservedParams {
  readonly scale: Float32Array;
  readonly zeroPoint: Int32Array;
}

/**
 * Watches values and finds the range that quantization should cover. It never keeps the values. `toJSON` gives its
 * options and state as plain data, from which `restoreObserver` makes it again, in another process too.
 */
export interface Observer {
  /**
   * Takes one batch, row-major. Throws a `TampError`: `data` for NaN and infinities, with their position; `usage` for
   * a shape that does not fit the values or the batches before.
   */
  observe(values: Float32Array, shape: readonly number[]): void;
  /** The ranges so far. Throws a `TampError` (`data`) before anything was observed. */
  range(): ObservedRange;
  /** Scales and zero points of {@link range}. */
  params(): ObservedParams;
  toJSON(): ObserverState;
}

/** {@link Observer.params} of a range. */
export function paramsOf({ min, max }: ObservedRange, rule: AffineRule): ObservedParams {
  const scale = new Float32Array(min.length);
  const zeroPoint = new Int32Array(min.length);
  for (let i = 0; i < min.length; i++) {
    const params = chooseAffineParams(min[i], max[i], rule);
    scale[i] = params.scale;
    zeroPoint[i] = params.zeroPoint;
  }
  return { scale, zeroPoint };
}

/** The checks of {@link Observer.observe} that all observers make. */
export function checkBatch(values: Float32Array, shape: readonly number[], layer: string | undefined): void {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) {
    throw new TampError(`there are ${values.length} values for the shape [${shape.join(', ')}]`, {
      code: 'usage',
      at: layer === undefined ? {} : { layer },
    });
  }
  const columns = shape.at(-1);
  checkFinite(values, {
    ...(layer === undefined ? {} : { layer }),
    ...(columns === undefined ? {} : { columns }),
  });
}

/** The error of asking for a range too early. */
export function nothingObserved(layer: string | undefined): TampError {
  return new TampError('no values were observed', {
    code: 'data',
    at: layer === undefined ? {} : { layer },
    remedy: 'Run calibration data through the model first.',
  });
}
