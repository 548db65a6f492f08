import { TampError } from '../errors/tamp-error.js';
import { checkFinite } from '../numeric/check-finite.js';
import { roundHalfEven } from '../numeric/round-half-even.js';

/** Smallest and largest value of a tensor, both exactly float32. */
export interface UniformRange {
  readonly min: number;
  readonly max: number;
}

/** The most bits uniform quantization takes. */
export const maxUniformBits = 15;

/**
 * The range of a tensor, its minimum and maximum. Throws a `TampError` (`data`) for NaN and infinities, with their
 * position, for an empty tensor, and for a range wider than float32 can hold.
 */
export function uniformRange(values: Float32Array, layer?: string): UniformRange {
  const at = layer === undefined ? {} : { layer };
  if (values.length === 0) throw new TampError('an empty tensor has no range', { code: 'data', at });
  checkFinite(values, at);
  let min = values[0];
  let max = values[0];
  for (let i = 1; i < values.length; i++) {
    const value = values[i];
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (Math.fround(max - min) === Infinity) {
    throw new TampError(`the range [${min}, ${max}] is wider than float32 can hold`, { code: 'data', at });
  }
  return { min, max };
}

/**
 * Uniform quantization over one range, as DiffQ does it (Défossez, Adi, Synnaeve, arXiv 2104.09987): with N = 2^bits
 * levels, level = roundHalfEven(((value - min) / (max - min)) / fround(1 / (N - 1))), all in float32. The division by the
 * float32 unit matters: multiplying by N - 1 gives other levels.
 *
 * `bits`: 1 to 15, one number for all or one per group of consecutive elements (the number of groups divides the
 * length). The range is that of the whole tensor also when the bits differ. Values outside the range saturate; a
 * constant tensor (min = max) has level 0 throughout.
 *
 * Returns Uint8Array when no group has more than 8 bits, else Uint16Array. Throws a `TampError` (`usage`) for bits
 * that are not possible.
 */
export function quantizeUniform(
  values: Float32Array,
  range: UniformRange,
  bits: number | ArrayLike<number>,
): Uint8Array | Uint16Array {
  const groups = bitsPerGroup(bits, values.length);
  const levels = groups.every((b) => b <= 8) ? new Uint8Array(values.length) : new Uint16Array(values.length);
  const width = Math.fround(range.max - range.min);
  if (width === 0) return levels;
  const size = values.length / groups.length;
  for (let g = 0; g < groups.length; g++) {
    const last = 2 ** groups[g] - 1;
    const unit = Math.fround(1 / last);
    for (let i = g * size; i < (g + 1) * size; i++) {
      const position = Math.fround(Math.fround(values[i] - range.min) / width);
      const level = roundHalfEven(Math.fround(position / unit));
      levels[i] = Math.min(Math.max(level, 0), last);
    }
  }
  return levels;
}

/**
 * The values that levels stand for: (level · fround(1 / (N - 1))) · (max - min) + min, all in float32. A constant
 * tensor comes back exactly. Same errors as {@link quantizeUniform}.
 */
export function dequantizeUniform(
  levels: Uint8Array | Uint16Array,
  range: UniformRange,
  bits: number | ArrayLike<number>,
): Float32Array {
  const groups = bitsPerGroup(bits, levels.length);
  const values = new Float32Array(levels.length);
  const width = Math.fround(range.max - range.min);
  const size = levels.length / groups.length;
  for (let g = 0; g < groups.length; g++) {
    const unit = Math.fround(1 / (2 ** groups[g] - 1));
    for (let i = g * size; i < (g + 1) * size; i++) {
      values[i] = Math.fround(Math.fround(levels[i] * unit) * width) + range.min;
    }
  }
  return values;
}

function bitsPerGroup(bits: number | ArrayLike<number>, length: number): readonly number[] {
  const groups = typeof bits === 'number' ? [bits] : Array.from(bits);
  const bad = groups.find((b) => !Number.isInteger(b) || b < 1 || b > maxUniformBits);
  if (bad !== undefined) {
    throw new TampError(`${bad} bits are not possible`, {
      code: 'usage',
      remedy: `Choose a whole number of bits from 1 to ${maxUniformBits}.`,
    });
  }
  if (groups.length === 0 ? length > 0 : length % groups.length !== 0) {
    throw new TampError(`${groups.length} groups do not divide ${length} elements`, { code: 'usage' });
  }
  return groups;
}
