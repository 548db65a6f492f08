import { MAGIC, nibbleMask, vectorOfMagic, vectorOfOnes } from '../arithmetic/constant-vectors';
import { largerMagnitude, largestLane } from '../arithmetic/magnitude';
import { storeByteSteps, storeWordSteps } from '../arithmetic/store-steps';

/** What the product needs to know of one quantized row. */
@unmanaged
export class RowParams {
  scale: f32;
  zero: i32;
  /** Sum of the row's levels. */
  sum: i32;
}

/** Bytes from one row's {@link RowParams} to the next. */
export const ROW_PARAMS_BYTES: usize = 16;

// Vectors that loops use are loaded, not constants in the code: see arithmetic/constant-vectors.ts.

/** Levels fit into 8 bits, so clamping to this before rounding changes nothing and keeps {@link MAGIC} valid. */
const FAR: usize = memory.data<f32>([65536.0, 65536.0, 65536.0, 65536.0], 16);
const MINUS_FAR: usize = memory.data<f32>([-65536.0, -65536.0, -65536.0, -65536.0], 16);
/** Smallest scale of a symmetric row: 2^-23. */
const SMALLEST_SCALE: f32 = 1.1920928955078125e-7;

/** The argument block of {@link quantizeRows}. */
@unmanaged
export class QuantizeRows {
  /** float32 [rows, k]. */
  x: usize;
  /** Levels as the tiles read them: [tile][kPadded / 4][tileRows][4]; rows past the last full tile one by one. */
  levels: usize;
  /** {@link RowParams} per row. */
  params: usize;
  rows: i32;
  k: i32;
  kPadded: i32;
  tileRows: i32;
  /** 1 or 2. With 2 and relaxed SIMD, rows past the last full tile are in halves of four bits, [kPadded / 4][2][4]. */
  levelBytes: i32;
  /** One symmetric scale per row, max|x| / 127.5; otherwise `scale` for all rows. */
  perRow: i32;
  scale: f32;
  zero: i32;
  low: i32;
  high: i32;
}

/** How levels are written: bytes, 16 bits, or halves of four bits (see {@link QuantizeRows}). */
const enum Written {
  Bytes,
  Words,
  Halves,
}

// @ts-ignore: decorator
@inline
function roundedOf(v: v128, reciprocal: v128, offset: v128): v128 {
  // NaN becomes the smallest level: pmax and pmin take their first operand where one is NaN.
  const scaled = f32x4.pmin(v128.load(FAR), f32x4.pmax(v128.load(MINUS_FAR), f32x4.mul(v, reciprocal)));
  return i32x4.add(f32x4.add(scaled, vectorOfMagic()), offset);
}

// @ts-ignore: decorator
@inline
function levelsOf(v: v128, reciprocal: v128, offset: v128, low: v128, high: v128): v128 {
  return i32x4.min_s(i32x4.max_s(roundedOf(v, reciprocal, offset), low), high);
}

/** Vectors of levels before they are clamped, narrowed to 16 bits: eight at a time. */
// @ts-ignore: decorator
@inline
function wordsOf(x: usize, reciprocal: v128, offset: v128, low: v128, high: v128): v128 {
  const words = i16x8.narrow_i32x4_s(
    roundedOf(v128.load(x), reciprocal, offset),
    roundedOf(v128.load(x, 16), reciprocal, offset),
  );
  return i16x8.min_s(i16x8.max_s(words, low), high);
}

/**
 * Quantizes `length` values, a multiple of 16, writing each four `stride` bytes after those before; halves lie side by
 * side. Returns sums of the levels.
 */
// @ts-ignore: decorator
@inline
function quantizeSixteens(
  written: Written, x: usize, length: i32, out: usize, stride: usize, reciprocal: v128, offset: v128, low: i32, high: i32,
): v128 {
  const lows = i16x8.splat(<i16>low),
    highs = i16x8.splat(<i16>high),
    ones = vectorOfOnes();
  let sums = i32x4.splat(0);
  for (const end = x + (<usize>length << 2); x < end; x += 64) {
    const a = wordsOf(x, reciprocal, offset, lows, highs),
      b = wordsOf(x + 32, reciprocal, offset, lows, highs);
    sums = i32x4.add(sums, i32x4.add(i32x4.dot_i16x8_s(a, ones), i32x4.dot_i16x8_s(b, ones)));
    if (written == Written.Words) {
      out = storeWordSteps(out, stride, a, b);
      continue;
    }
    const bytes = i8x16.narrow_i16x8_u(a, b);
    if (written == Written.Halves) {
      const lower = v128.and(bytes, nibbleMask()),
        upper = v128.and(i16x8.shr_u(bytes, 4), nibbleMask());
      v128.store(out, i32x4.shuffle(lower, upper, 0, 4, 1, 5));
      v128.store(out, i32x4.shuffle(lower, upper, 2, 6, 3, 7), 16);
      out += 32;
      continue;
    }
    out = storeByteSteps(out, stride, bytes);
  }
  return sums;
}

/** Quantizes rows. Units: rows. */
export function quantizeRows(args: usize, begin: i32, end: i32, scratch: usize): void {
  const q = changetype<QuantizeRows>(args),
    wide = q.levelBytes == 2,
    step = <usize>(q.levelBytes << 2),
    low = i32x4.splat(q.low),
    high = i32x4.splat(q.high),
    vectors = q.k & ~3;
  for (let row = begin; row < end; row++) {
    const x = q.x + ((<usize>row * <usize>q.k) << 2);
    const zero = q.zero,
      scale = q.perRow ? symmetricScale(largestMagnitude(x, q.k)) : q.scale;
    const reciprocal = f32x4.splat(<f32>1 / scale),
      offset = i32x4.splat(zero - reinterpret<i32>(MAGIC)),
      tile = row / q.tileRows,
      whole = (tile + 1) * q.tileRows <= q.rows,
      split = ASC_FEATURE_RELAXED_SIMD && wide && !whole,
      stride = whole ? step * <usize>q.tileRows : step,
      first = whole ? tile * q.tileRows : row;
    let out =
      q.levels + <usize>first * <usize>q.kPadded * <usize>q.levelBytes + (whole ? <usize>(row - first) * step : 0);
    let k = q.k & ~15,
      sums: v128;
    if (split) sums = quantizeSixteens(Written.Halves, x, k, out, stride, reciprocal, offset, q.low, q.high);
    else if (wide) sums = quantizeSixteens(Written.Words, x, k, out, stride, reciprocal, offset, q.low, q.high);
    else sums = quantizeSixteens(Written.Bytes, x, k, out, stride, reciprocal, offset, q.low, q.high);
    out += <usize>(k >> 2) * stride;
    for (; k < vectors; k += 4) {
      const level = levelsOf(v128.load(x + (<usize>k << 2)), reciprocal, offset, low, high);
      sums = i32x4.add(sums, level);
      put(out, level, wide, split);
      out += stride;
    }
    if (k < q.k) {
      const tail = (q.k - k) << 2;
      v128.store(scratch, i32x4.splat(0));
      memory.copy(scratch, x + (<usize>k << 2), tail);
      // Lanes past the end hold the level of 0; only levels of the row may count.
      v128.store(scratch, levelsOf(v128.load(scratch), reciprocal, offset, low, high), 16);
      v128.store(scratch, i32x4.splat(0));
      memory.copy(scratch, scratch + 16, tail);
      const level = v128.load(scratch);
      sums = i32x4.add(sums, level);
      put(out, level, wide, split);
      out += stride;
      k += 4;
    }
    for (; k < q.kPadded; k += 4) {
      put(out, i32x4.splat(0), wide, split);
      out += stride;
    }
    const params = changetype<RowParams>(q.params + <usize>row * ROW_PARAMS_BYTES);
    params.scale = scale;
    params.zero = zero;
    params.sum =
      i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  }
}

// @ts-ignore: decorator
@inline
function put(out: usize, level: v128, wide: bool, split: bool): void {
  if (split) {
    const halves = i16x8.narrow_i32x4_s(v128.and(level, i32x4.splat(15)), i32x4.shr_u(level, 4));
    v128.store64_lane(out, i8x16.narrow_i16x8_u(halves, halves), 0);
    return;
  }
  const halves = i16x8.narrow_i32x4_s(level, level);
  if (wide) v128.store64_lane(out, halves, 0);
  else v128.store32_lane(out, i8x16.narrow_i16x8_u(halves, halves), 0);
}

/** The scale of a symmetric row; NaN, as its results then are, when the row is not finite. */
function symmetricScale(largest: f32): f32 {
  return max(largest / 127.5, SMALLEST_SCALE) + (largest - largest);
}

/** max|x|; NaN when one is NaN. */
function largestMagnitude(x: usize, k: i32): f32 {
  let p = i32x4.splat(0),
    q = p;
  const vectors = x + (<usize>(k & ~7) << 2),
    end = x + (<usize>k << 2);
  for (; x < vectors; x += 32) {
    p = largerMagnitude(p, v128.load(x));
    q = largerMagnitude(q, v128.load(x, 16));
  }
  let largest = largestLane(i32x4.max_s(p, q));
  for (; x < end; x += 4) largest = max(largest, abs(load<f32>(x)));
  return largest;
}

/** Elements of one unit of {@link rangeOfBlocks}. */
const RANGE_BLOCK: i32 = 16384;

/** The argument block of {@link rangeOfBlocks}. */
@unmanaged
export class RangeOfBlocks {
  x: usize;
  length: i32;
  /** Smallest and largest value per unit, 0 included; both NaN when a value is. */
  ranges: usize;
}

/** Smallest and largest value of blocks of 16384 elements. Units: blocks. */
export function rangeOfBlocks(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const r = changetype<RangeOfBlocks>(args);
  for (let unit = begin; unit < end; unit++) {
    let x = r.x + ((<usize>unit * <usize>RANGE_BLOCK) << 2);
    const length = min(RANGE_BLOCK, r.length - unit * RANGE_BLOCK),
      vectors = x + (<usize>(length & ~7) << 2),
      last = x + (<usize>length << 2);
    let low = f32x4.splat(0),
      low2 = low,
      high = low,
      high2 = low,
      numbers = i32x4.splat(-1);
    for (; x < vectors; x += 32) {
      const a = v128.load(x),
        b = v128.load(x, 16);
      // Minima and maxima pass over NaN.
      numbers = v128.and(numbers, v128.and(f32x4.eq(a, a), f32x4.eq(b, b)));
      low = f32x4.pmin(low, a);
      low2 = f32x4.pmin(low2, b);
      high = f32x4.pmax(high, a);
      high2 = f32x4.pmax(high2, b);
    }
    low = f32x4.pmin(low, low2);
    high = f32x4.pmax(high, high2);
    let least = min(
        min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
        min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
      ),
      most = max(
        max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
        max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
      );
    if (!i32x4.all_true(numbers)) least = most = f32.NaN;
    for (; x < last; x += 4) {
      const v = load<f32>(x);
      if (v < least || isNaN(v)) least = v;
      if (v > most || isNaN(v)) most = v;
    }
    const out = r.ranges + (<usize>unit << 3);
    store<f32>(out, least);
    store<f32>(out, most, 4);
  }
}
