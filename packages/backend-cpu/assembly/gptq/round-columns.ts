import { multiplyAdd } from '../arithmetic/fused';
import { BLOCK_N } from '../gemm/driver-f32';
import { COLUMN_BLOCK_BYTES, multiplyColumnBlock, WIDE_N } from '../linear-algebra/column-block';

/** Figures per row: the output's error, Σ(w − ŵ)², Σw². */
const FIGURES: i32 = 3;
/** Scratch beside that of a product: a block of columns of four rows, column by column. */
export const ROUNDED_BYTES: usize = <usize>BLOCK_N << 4;

/** The argument block of {@link roundColumns}. */
@unmanaged
export class RoundColumns {
  /** float32 [rows, n]. */
  weight: usize;
  /** float32 [n, n], upper triangular, by position. */
  factor: usize;
  /** int32 [n]: the column of each position, and its group. */
  order: usize;
  groups: usize;
  /** float32 and int32 [rows, groups], or one element; zero points may be 0. */
  scales: usize;
  zeroPoints: usize;
  /** float32 [n]: by position, what of the factored matrix's diagonal is damping. */
  damping: usize;
  /** int8 [rows, n]. */
  levels: usize;
  /** float32 [rows, 3]. */
  figures: usize;
  /** Room for float32 [rows, n] and [rows, 128]. */
  errors: usize;
  wanted: usize;
  rows: i32;
  n: i32;
  /** Scales from one row to the next; 0 for one scale in all. */
  scaleStride: i32;
  /** Rows of one unit. */
  rowsPerUnit: i32;
  min: f32;
  max: f32;
}

/**
 * Rounds the columns of a weight in the given order, each making up for the errors of those before it. A row is done by
 * one thread: 128 columns at a time get what all earlier errors ask of them in one product; of these, 32 at a time get
 * what the others' errors ask, then four rows in the four lanes of a vector are rounded. Units: `rowsPerUnit` rows.
 */
export function roundColumns(args: usize, begin: i32, end: i32, scratch: usize): void {
  const t = changetype<RoundColumns>(args),
    row = <usize>t.n << 2,
    wantedRow = <usize>WIDE_N << 2;
  for (let unit = begin; unit < end; unit++) {
    const r0 = unit * t.rowsPerUnit,
      rows = min(t.rowsPerUnit, t.rows - r0),
      errors = t.errors + <usize>r0 * row,
      wanted = t.wanted + <usize>r0 * wantedRow;
    memory.fill(t.figures + (<usize>(r0 * FIGURES) << 2), 0, <usize>(rows * FIGURES) << 2);
    // Until a position has its turn, its place among the errors holds its weight.
    for (let i = 0; i < rows; i++) {
      const from = t.weight + <usize>(r0 + i) * row,
        to = errors + <usize>i * row;
      for (let at: usize = 0; at < row; at += 4)
        store<f32>(to + at, load<f32>(from + (<usize>load<i32>(t.order + at) << 2)));
    }
    for (let wide = 0; wide < t.n; wide += WIDE_N) {
      const end = min(wide + WIDE_N, t.n);
      if (wide == 0) memory.fill(wanted, 0, <usize>rows * wantedRow);
      else
        multiplyColumnBlock(
          errors, row, rows, t.factor + (<usize>wide << 2), row, false, end - wide, wide, wanted, wantedRow, true, scratch,
        );
      for (let start = wide; start < end; start += BLOCK_N) {
        const columns = min(BLOCK_N, end - start),
          earlier = start - wide,
          block = wanted + (<usize>earlier << 2);
        if (earlier)
          multiplyColumnBlock(
            errors + (<usize>wide << 2), row, rows, t.factor + <usize>wide * row + (<usize>start << 2), row, false, columns,
            earlier, block, wantedRow, false, scratch,
          );
        for (let i = 0; i < rows; i += 4) roundFour(t, r0, i, rows, start, columns, block, scratch + COLUMN_BLOCK_BYTES);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function gather(a: usize, b: usize, c: usize, d: usize): v128 {
  let v = v128.load32_zero(a);
  v = v128.load_lane<u32>(b, v, 1);
  v = v128.load_lane<u32>(c, v, 2);
  return v128.load_lane<u32>(d, v, 3);
}

/** The upper two lanes as float64. */
// @ts-ignore: decorator
@inline
function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(v, v, 2, 3, 2, 3));
}

/**
 * Positions [start, start + columns) of the rows r0 + i … r0 + i + 3; past the last row, of the last row again. `wanted`:
 * what earlier errors ask of them, from row r0 on.
 */
function roundFour(
  t: RoundColumns, r0: i32, i: i32, rows: i32, start: i32, columns: i32, wanted: usize, room: usize,
): void {
  const row = <usize>t.n << 2,
    i1 = min(i + 1, rows - 1),
    i2 = min(i + 2, rows - 1),
    i3 = min(i + 3, rows - 1),
    first = t.errors + <usize>r0 * row + (<usize>start << 2),
    e0 = first + <usize>i * row,
    e1 = first + <usize>i1 * row,
    e2 = first + <usize>i2 * row,
    e3 = first + <usize>i3 * row,
    w0 = wanted + (<usize>i * <usize>WIDE_N << 2),
    w1 = wanted + (<usize>i1 * <usize>WIDE_N << 2),
    w2 = wanted + (<usize>i2 * <usize>WIDE_N << 2),
    w3 = wanted + (<usize>i3 * <usize>WIDE_N << 2),
    scaleRow = <usize>t.scaleStride << 2,
    s0 = <usize>(r0 + i) * scaleRow,
    s1 = <usize>(r0 + i1) * scaleRow,
    s2 = <usize>(r0 + i2) * scaleRow,
    s3 = <usize>(r0 + i3) * scaleRow,
    l0 = t.levels + <usize>(r0 + i) * <usize>t.n,
    l1 = t.levels + <usize>(r0 + i1) * <usize>t.n,
    l2 = t.levels + <usize>(r0 + i2) * <usize>t.n,
    l3 = t.levels + <usize>(r0 + i3) * <usize>t.n,
    low = f32x4.splat(t.min),
    top = f32x4.splat(t.max);
  for (let j = 0; j < columns; j++) {
    const at = <usize>j << 2;
    v128.store(room + (at << 2), gather(w0 + at, w1 + at, w2 + at, w3 + at));
  }
  let lossLow = f64x2.splat(0),
    lossHigh = lossLow,
    noiseLow = lossLow,
    noiseHigh = lossLow,
    signalLow = lossLow,
    signalHigh = lossLow;
  for (let j = 0; j < columns; j++) {
    const position = start + j,
      at = <usize>j << 2,
      column = <usize>load<i32>(t.order + (<usize>position << 2)),
      scaleAt = t.scales + (<usize>load<i32>(t.groups + (<usize>position << 2)) << 2),
      scale = gather(scaleAt + s0, scaleAt + s1, scaleAt + s2, scaleAt + s3),
      factor = t.factor + <usize>position * row + (<usize>position << 2),
      diagonal = v128.load_splat<u32>(factor),
      asked = v128.load(room + (at << 2)),
      weight = gather(e0 + at, e1 + at, e2 + at, e3 + at),
      target = f32x4.add(weight, f32x4.div(asked, diagonal));
    let zero = f32x4.splat(0);
    if (t.zeroPoints) {
      const zeroAt = t.zeroPoints + (scaleAt - t.scales);
      zero = f32x4.convert_i32x4_s(gather(zeroAt + s0, zeroAt + s1, zeroAt + s2, zeroAt + s3));
    }
    const level = f32x4.nearest(f32x4.min(f32x4.max(f32x4.add(f32x4.div(target, scale), zero), low), top)),
      error = f32x4.sub(weight, f32x4.mul(f32x4.sub(level, zero), scale)),
      code = i32x4.trunc_sat_f32x4_s(level),
      left = f32x4.add(asked, f32x4.mul(error, diagonal)),
      damping = f64x2.splat(<f64>load<f32>(t.damping + (<usize>position << 2)));
    store<u8>(l0 + column, <u8>i32x4.extract_lane(code, 0));
    store<u8>(l1 + column, <u8>i32x4.extract_lane(code, 1));
    store<u8>(l2 + column, <u8>i32x4.extract_lane(code, 2));
    store<u8>(l3 + column, <u8>i32x4.extract_lane(code, 3));
    v128.store_lane<u32>(e0 + at, error, 0);
    v128.store_lane<u32>(e1 + at, error, 1);
    v128.store_lane<u32>(e2 + at, error, 2);
    v128.store_lane<u32>(e3 + at, error, 3);
    for (let later = j + 1; later < columns; later++) {
      const to = room + (<usize>later << 4);
      v128.store(to, multiplyAdd(v128.load(to), error, v128.load_splat<u32>(factor + (<usize>(later - j) << 2))));
    }
    const errorLow = f64x2.promote_low_f32x4(error),
      errorHigh = high(error),
      leftLow = f64x2.promote_low_f32x4(left),
      leftHigh = high(left),
      weightLow = f64x2.promote_low_f32x4(weight),
      weightHigh = high(weight),
      squareLow = f64x2.mul(errorLow, errorLow),
      squareHigh = f64x2.mul(errorHigh, errorHigh);
    lossLow = f64x2.add(lossLow, f64x2.sub(f64x2.mul(leftLow, leftLow), f64x2.mul(damping, squareLow)));
    lossHigh = f64x2.add(lossHigh, f64x2.sub(f64x2.mul(leftHigh, leftHigh), f64x2.mul(damping, squareHigh)));
    noiseLow = f64x2.add(noiseLow, squareLow);
    noiseHigh = f64x2.add(noiseHigh, squareHigh);
    signalLow = f64x2.add(signalLow, f64x2.mul(weightLow, weightLow));
    signalHigh = f64x2.add(signalHigh, f64x2.mul(weightHigh, weightHigh));
  }
  const figures = t.figures + (<usize>((r0 + i) * FIGURES) << 2);
  count(figures, f64x2.extract_lane(lossLow, 0), f64x2.extract_lane(noiseLow, 0), f64x2.extract_lane(signalLow, 0));
  if (i1 > i)
    count(figures + 12, f64x2.extract_lane(lossLow, 1), f64x2.extract_lane(noiseLow, 1), f64x2.extract_lane(signalLow, 1));
  if (i2 > i1)
    count(figures + 24, f64x2.extract_lane(lossHigh, 0), f64x2.extract_lane(noiseHigh, 0), f64x2.extract_lane(signalHigh, 0));
  if (i3 > i2)
    count(figures + 36, f64x2.extract_lane(lossHigh, 1), f64x2.extract_lane(noiseHigh, 1), f64x2.extract_lane(signalHigh, 1));
}

/** Adds to a row's figures. */
function count(figures: usize, loss: f64, noise: f64, signal: f64): void {
  store<f32>(figures, <f32>(<f64>load<f32>(figures) + loss));
  store<f32>(figures + 4, <f32>(<f64>load<f32>(figures + 4) + noise));
  store<f32>(figures + 8, <f32>(<f64>load<f32>(figures + 8) + signal));
}
