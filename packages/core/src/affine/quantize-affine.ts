import { roundHalfEven } from '../numeric/round-half-even.js';
import type { LevelRange } from '../schemes/scheme.js';
import type { AffineParams } from './affine-params.js';

/** Arrays that hold levels. */
export type LevelArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;

/**
 * Writes level = clamp(roundHalfEven(value · fround(1 / scale)) + zeroPoint) for each value into `levels` and
 * returns it. Product and reciprocal are float32, as in FBGEMM: dividing by the scale instead gives other levels.
 * Values beyond the range saturate; a NaN becomes the smallest level, so check for NaN where the range is found.
 */
export function quantizeAffine<T extends LevelArray>(
  values: Float32Array,
  { scale, zeroPoint }: AffineParams,
  { min, max }: LevelRange,
  levels: T,
): T {
  const reciprocal = Math.fround(1 / scale);
  for (let i = 0; i < values.length; i++) {
    const level = roundHalfEven(Math.fround(values[i] * reciprocal)) + zeroPoint;
    levels[i] = level > min ? Math.min(level, max) : min;
  }
  return levels;
}

/** value = fround((level - zeroPoint) · scale) for each level. */
export function dequantizeAffine(levels: LevelArray, { scale, zeroPoint }: AffineParams): Float32Array {
  const values = new Float32Array(levels.length);
  for (let i = 0; i < values.length; i++) values[i] = (levels[i] - zeroPoint) * scale;
  return values;
}
