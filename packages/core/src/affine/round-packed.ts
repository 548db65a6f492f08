import { checkFinite } from '../numeric/check-finite.js';
import { wordsPerRow } from '../packing/dense.js';
import { type AffineScheme, checkScheme, levelRange, scaleCount } from '../schemes/scheme.js';
import { type QuantizeWeightOptions, rangeChoice, scaleRounder } from './quantize-weight.js';
import { errorOfSums, type WeightError } from './weight-error.js';
import type { GroupChoice } from './weight-group.js';

/** 1.5 · 2^52, as in `roundHalfEven`: here every value is a clamped level, so no large case is left. */
const shift = 6755399441055744;

/** A weight in the form it is stored in. */
export interface PackedWeight {
  /** Levels as `packDense` packs them. */
  readonly words: Uint32Array;
  /** One scale per row or group. */
  readonly scales: Float32Array;
  /** One per scale; absent when the scheme is symmetric. */
  readonly zeroPoints?: Int8Array;
}

/** Takes a weight some rows at a time and packs their levels. */
export interface PackedRounder {
  /** Rounds the next rows: whole ones, row-major. Throws a `TampError` (`data`) for NaN and infinities. */
  add(values: Float32Array): void;
  /** The whole weight, after all its rows, and how far it is from the original. */
  finish(): { readonly weight: PackedWeight; readonly error: WeightError };
}

/** Σw² and Σ(w − ŵ)² so far. */
interface ErrorSums {
  signal: number;
  noise: number;
}

const oneFloat = new Float32Array(1);
const oneWord = new Int32Array(oneFloat.buffer);

/**
 * The largest |value| among floats given as their bits; Infinity also for NaN. Without their sign the bits of floats are ordered as the floats are, and
 * comparing them is several times faster.
 */
function largestMagnitude(bits: Int32Array, start: number, end: number): number {
  let largest = 0;
  for (let i = start; i < end; i++) {
    const magnitude = bits[i] & 0x7fffffff;
    if (magnitude > largest) largest = magnitude;
  }
  if (largest >= 0x7f800000) return Infinity;
  oneWord[0] = largest;
  return oneFloat[0];
}

function asymmetricChoice(
  values: Float32Array,
  start: number,
  end: number,
  scheme: AffineScheme,
  round: (scale: number) => number,
): GroupChoice {
  let low = 0;
  let high = 0;
  for (let i = start; i < end; i++) {
    const value = values[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return rangeChoice(low, high, scheme, levelRange(scheme.bits), round);
}

/** Writes the levels of one group, from `at` on, and adds its error to the sums. */
function roundGroup(
  values: Float32Array,
  start: number,
  end: number,
  scale: number,
  zeroPoint: number,
  min: number,
  max: number,
  levels: Int32Array,
  at: number,
  sums: ErrorSums,
): void {
  let { signal, noise } = sums;
  for (let i = start, to = at; i < end; i++, to++) {
    const value = values[i];
    const rounded = Math.fround(Math.fround(value / scale) + zeroPoint) + shift - shift;
    let level = rounded;
    if (level < min) level = min;
    else if (level > max) level = max;
    const difference = value - Math.fround((level - zeroPoint) * scale);
    signal += value * value;
    noise += difference * difference;
    levels[to] = level;
  }
  sums.signal = signal;
  sums.noise = noise;
}

/** Packs the levels of one row from word `at` on, as `packDense` does; they are known to be in range. */
function packRow(levels: Int32Array, bits: number, words: Uint32Array, at: number): void {
  const offset = 2 ** (bits - 1);
  let to = at;
  let word = 0;
  let filled = 0;
  for (let i = 0; i < levels.length; i++) {
    const value = levels[i] + offset;
    word |= value << filled;
    filled += bits;
    if (filled >= 32) {
      words[to++] = word;
      filled -= 32;
      word = value >>> (bits - filled);
    }
  }
  if (filled > 0) words[to] = word;
}

/**
 * Rounds a weight to nearest and packs it in one pass over rows as they come: the levels, scales and error of
 * `quantizeWeight`, `packDense` and `weightError`, without the arrays in between. For schemes with a scale per row or
 * group; the scheme must fit (`checkScheme`).
 */
export function createPackedRounder(
  rows: number,
  columns: number,
  scheme: AffineScheme,
  options: Pick<QuantizeWeightOptions, 'layer' | 'scaleFormat'> = {},
): PackedRounder {
  const { layer, scaleFormat = 'float32' } = options;
  checkScheme(scheme, columns, layer);
  const { bits, symmetric } = scheme;
  const range = levelRange(bits);
  const perRow = scaleCount(scheme, 1, columns);
  const length = columns / perRow;
  const stride = wordsPerRow(columns, bits);
  const words = new Uint32Array(rows * stride);
  const scales = new Float32Array(rows * perRow);
  const zeroPoints = new Int8Array(symmetric ? 0 : scales.length);
  const round = scaleRounder(scaleFormat, layer);
  const { min, max } = range;
  const steps = max - min;
  const levels = new Int32Array(columns);
  const sums: ErrorSums = { signal: 0, noise: 0 };
  let nextRow = 0;

  return {
    add(values) {
      const count = values.length / columns;
      const magnitudes = new Int32Array(values.buffer, values.byteOffset, values.length);
      if (largestMagnitude(magnitudes, 0, values.length) === Infinity) {
        checkFinite(values, { columns, firstRow: nextRow, ...(layer === undefined ? {} : { layer }) });
      }
      let group = nextRow * perRow;
      for (let row = 0; row < count; row++) {
        for (let g = 0; g < perRow; g++, group++) {
          const start = row * columns + g * length;
          const end = start + length;
          let zeroPoint = 0;
          if (symmetric) scales[group] = round(largestMagnitude(magnitudes, start, end) / (steps / 2));
          else {
            const choice = asymmetricChoice(values, start, end, scheme, round);
            scales[group] = choice.scale;
            zeroPoint = choice.zeroPoint;
            zeroPoints[group] = zeroPoint;
          }
          roundGroup(values, start, end, scales[group], zeroPoint, min, max, levels, g * length, sums);
        }
        packRow(levels, bits, words, (nextRow + row) * stride);
      }
      nextRow += count;
    },
    finish() {
      const weight = symmetric ? { words, scales } : { words, scales, zeroPoints };
      return { weight, error: errorOfSums(sums.signal, sums.noise, rows * columns) };
    },
  };
}
