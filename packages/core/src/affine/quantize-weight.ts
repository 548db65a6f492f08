import { TampError } from '../errors/tamp-error.js';
import { roundToBfloat16 } from '../numeric/bfloat16.js';
import { checkFinite } from '../numeric/check-finite.js';
import { roundToFloat16 } from '../numeric/float16.js';
import { roundHalfEven } from '../numeric/round-half-even.js';
import {
  type AffineScheme,
  checkScheme,
  type LevelRange,
  levelRange,
  scaleCount,
} from '../schemes/scheme.js';
import { observerSmallestScale } from './affine-params.js';
import { type RangeSearch, rangeSearcher } from './range-search.js';
import type { GroupChoice, WeightGroup } from './weight-group.js';

/** Scales and zero points of a weight's groups. */
export interface WeightRanges {
  /**
   * One scale per tensor, row or group (row-major: rows × groups per row). Positive, unless a range search chose
   * a negative one, which puts the extra negative level on the positive side.
   */
  readonly scales: Float32Array;
  /** One zero point, itself a level, per scale; absent when the scheme is symmetric. */
  readonly zeroPoints?: Int8Array;
}

/** A weight matrix as integers; value = (level - zero point) · scale of its group. */
export interface QuantizedWeight extends WeightRanges {
  /** Row-major levels, rows × columns. */
  readonly levels: Int8Array;
}

/** The format scales will be stored in. */
export type ScaleFormat = 'float32' | 'float16' | 'bfloat16';

/** Options of {@link quantizeWeight}. */
export interface QuantizeWeightOptions {
  /** Names the weight in errors. */
  readonly layer?: string;
  /** Search each group's range for the smallest squared error instead of taking its minimum and maximum. */
  readonly search?: RangeSearch;
  /** Scales are rounded to this format before the levels are chosen, so storing them so loses nothing. Default float32. */
  readonly scaleFormat?: ScaleFormat;
}

function roundScale(scale: number, format: ScaleFormat): number {
  switch (format) {
    case 'float32':
      return Math.fround(scale);
    case 'float16':
      return roundToFloat16(scale);
    case 'bfloat16':
      return roundToBfloat16(scale);
  }
}

/** Rounds scales to the format they are stored in. Throws a `TampError` (`data`) that names the layer when one overflows. */
export function scaleRounder(format: ScaleFormat, layer: string | undefined): (scale: number) => number {
  return (scale) => usableScale(roundScale(scale, format), format, layer);
}

/**
 * Quantizes a rows × columns weight (row-major; rows are output channels) to the levels of `scheme`.
 *
 * Round to nearest, as compressed-tensors does it: the range of a group is its minimum and maximum, widened to hold
 * 0. Symmetric: scale = max|w| / ((qmax - qmin) / 2). Asymmetric: scale = (max - min) / (2^bits - 1), zero point =
 * roundHalfEven(qmin - min / scale). Level = clamp(roundHalfEven(w / scale + zero point)), all in float32, with a
 * true division. A group of zeros has scale 2^-23 and comes back as zeros.
 *
 * With `search`, scale and zero point of each group are chosen for the smallest squared error; the error is never
 * larger than with round to nearest. See {@link RangeSearch}.
 *
 * Throws a `TampError`: `usage` for a scheme that does not fit, `data` for NaN, infinities (with their position) and
 * ranges wider than the scale's format.
 */
export function quantizeWeight(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  options: QuantizeWeightOptions = {},
): QuantizedWeight {
  return roundWithin(weight, scheme, chooseRanges(weight, rows, columns, scheme, options));
}

/** Scale and zero point of each group, by the rules of {@link quantizeWeight}, which also says what is thrown. */
export function chooseRanges(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  options: QuantizeWeightOptions = {},
): WeightRanges {
  const { layer, search, scaleFormat = 'float32' } = options;
  checkWeight(weight, rows, columns, scheme, layer);
  const range = levelRange(scheme.bits);
  const count = scaleCount(scheme, rows, columns);
  const length = count === 0 ? 0 : weight.length / count;
  const scales = new Float32Array(count);
  const zeroPoints = new Int8Array(scheme.symmetric ? 0 : count);
  const round = scaleRounder(scaleFormat, layer);
  const searcher =
    search === undefined ? undefined : rangeSearcher(weight, columns, length, scheme, search, layer);

  for (let g = 0; g < count; g++) {
    const group: WeightGroup = { start: g * length, end: (g + 1) * length };
    const nearest = minMaxChoice(weight, group, scheme, range, round);
    const choice = searcher === undefined ? nearest : searcher(group, nearest, round);
    scales[g] = choice.scale;
    if (!scheme.symmetric) zeroPoints[g] = choice.zeroPoint;
  }
  return scheme.symmetric ? { scales } : { scales, zeroPoints };
}

/** Rounds a weight to the levels of groups whose ranges were chosen; the rule of {@link quantizeWeight}. */
export function roundWithin(
  weight: Float32Array,
  scheme: AffineScheme,
  ranges: WeightRanges,
): QuantizedWeight {
  const { scales, zeroPoints } = ranges;
  const range = levelRange(scheme.bits);
  const levels = new Int8Array(weight.length);
  const length = scales.length === 0 ? 0 : weight.length / scales.length;
  for (let g = 0; g < scales.length; g++) {
    const choice = { scale: scales[g], zeroPoint: zeroPoints === undefined ? 0 : zeroPoints[g] };
    quantizeGroup(weight, { start: g * length, end: (g + 1) * length }, choice, range, levels);
  }
  return { levels, ...ranges };
}

/** Refuses a scheme that does not fit, a wrong size, NaN and infinities. */
export function checkWeight(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  layer: string | undefined,
): void {
  checkScheme(scheme, columns, layer);
  checkSize(weight.length, rows, columns, layer);
  checkFinite(weight, { columns, ...(layer === undefined ? {} : { layer }) });
}

/** The float32 values a quantized weight stands for: fround((level - zero point) · scale). */
export function dequantizeWeight(quantized: QuantizedWeight): Float32Array {
  const { levels, scales, zeroPoints } = quantized;
  const values = new Float32Array(levels.length);
  const length = scales.length === 0 ? 0 : levels.length / scales.length;
  for (let g = 0; g < scales.length; g++) {
    const scale = scales[g];
    const zeroPoint = zeroPoints === undefined ? 0 : zeroPoints[g];
    for (let i = g * length; i < (g + 1) * length; i++) values[i] = (levels[i] - zeroPoint) * scale;
  }
  return values;
}

/** Writes the levels of one group; the rounding rule of {@link quantizeWeight}. */
function quantizeGroup(
  weight: Float32Array,
  { start, end }: WeightGroup,
  { scale, zeroPoint }: GroupChoice,
  { min, max }: LevelRange,
  levels: Int8Array,
): void {
  for (let i = start; i < end; i++) {
    const level = Math.fround(Math.fround(weight[i] / scale) + zeroPoint);
    levels[i] = roundHalfEven(Math.min(Math.max(level, min), max));
  }
}

function minMaxChoice(
  weight: Float32Array,
  { start, end }: WeightGroup,
  scheme: AffineScheme,
  range: LevelRange,
  round: (scale: number) => number,
): GroupChoice {
  let low = 0;
  let high = 0;
  for (let i = start; i < end; i++) {
    const value = weight[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return rangeChoice(low, high, scheme, range, round);
}

/** Scale and zero point for a group whose values reach from `low` ≤ 0 to `high` ≥ 0: the rule of {@link quantizeWeight}. */
export function rangeChoice(
  low: number,
  high: number,
  scheme: AffineScheme,
  range: LevelRange,
  round: (scale: number) => number,
): GroupChoice {
  const steps = range.max - range.min;
  if (scheme.symmetric) {
    return { scale: round(Math.max(-low, high) / (steps / 2)), zeroPoint: 0 };
  }
  const scale = round(Math.fround(high - low) / steps);
  const zeroPoint = Math.fround(range.min - Math.fround(low / scale));
  return { scale, zeroPoint: roundHalfEven(Math.min(Math.max(zeroPoint, range.min), range.max)) };
}

/** A rounded scale, with 0 made usable. Throws a `TampError` (`data`) that names the layer when it overflowed. */
export function usableScale(scale: number, format: ScaleFormat, layer: string | undefined): number {
  if (!Number.isFinite(scale)) {
    throw new TampError(`a group's range is too wide for a ${format} scale`, {
      code: 'data',
      at: layer === undefined ? {} : { layer },
      remedy: 'Store scales as float32, or check the weights.',
    });
  }
  return scale === 0 ? observerSmallestScale : scale;
}

function checkSize(length: number, rows: number, columns: number, layer: string | undefined): void {
  if (length === rows * columns) return;
  throw new TampError(`the weight has ${length} elements, not ${rows} × ${columns}`, {
    code: 'usage',
    at: layer === undefined ? {} : { layer },
  });
}
