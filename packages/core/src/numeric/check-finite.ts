import { TampError } from '../errors/tamp-error.js';

/** Where the values come from, for messages. */
export interface ValuesOrigin {
  /** A layer, parameter or activation, by its full name. */
  readonly layer?: string;
  /** Row width: positions are then given as row and column. */
  readonly columns?: number;
  /** Row that the values begin at, where they are part of a matrix. Default 0. */
  readonly firstRow?: number;
}

/**
 * Throws a `TampError` (`data`) that names the first NaN or infinity and its position. Quantization has no level
 * for either, and one of them would silently ruin the range of its whole group.
 */
export function checkFinite(values: Float32Array, origin: ValuesOrigin = {}): void {
  // Subtraction keeps finite values at 0 and turns NaN and infinities into NaN, which sticks: no branch per value.
  let poison = 0;
  for (let i = 0; i < values.length; i++) poison += values[i] - values[i];
  if (poison === 0) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  throw notFinite(values[index], index, origin);
}

/** The error for one value that is NaN or infinite. */
export function notFinite(
  value: number,
  index: number,
  { layer, columns, firstRow = 0 }: ValuesOrigin,
): TampError {
  const position =
    columns === undefined
      ? `position ${index}`
      : `row ${firstRow + Math.floor(index / columns)}, column ${index % columns}`;
  return new TampError(`the value at ${position} is ${value}`, {
    code: 'data',
    at: layer === undefined ? {} : { layer },
    remedy: 'Only finite values can be quantized: check the model and the data that reach this point.',
  });
}
