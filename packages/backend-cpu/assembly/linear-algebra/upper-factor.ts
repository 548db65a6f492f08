import { BLOCK_N } from '../gemm/driver-f32';
import { multiplyColumnBlock } from './column-block';

/** Rows of one unit of {@link solveAbove}. */
const SOLVE_ROWS: i32 = 64;

/**
 * The argument block of the steps of a factorization A = R · Rᵀ, R upper triangular, in place and from the last
 * columns to the first. A step takes the columns [start, end).
 */
@unmanaged
export class UpperFactor {
  /** float32 [n, n]: A on and above the diagonal, then R, zeros below. */
  r: usize;
  n: i32;
  start: i32;
  end: i32;
  /** Room for float64 [width, width], width = end - start. */
  block: usize;
  /** Room for float32 [width, width]. */
  inverse: usize;
  /** Room for float32 [start, width], twice: R above the diagonal block, and its negative. */
  panel: usize;
  negated: usize;
  /** int32: cleared when A is not positive definite. */
  definite: usize;
  /** float32 [n, n], int32 [n] and a number, for {@link permuteUpper}. */
  source: usize;
  order: usize;
  added: f32;
}

/**
 * r = source with rows and columns in the given order, on and above the diagonal, with `added` on it; a diagonal
 * element that is not positive becomes 1. Units: rows.
 */
export function permuteUpper(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<UpperFactor>(args),
    stride = <usize>t.n << 2;
  for (let i = begin; i < end; i++) {
    const row = t.r + <usize>i * stride,
      from = t.source + <usize>load<i32>(t.order + (<usize>i << 2)) * stride;
    memory.fill(row, 0, <usize>i << 2);
    for (let j = i; j < t.n; j++) {
      const at = <usize>j << 2;
      store<f32>(row + at, load<f32>(from + (<usize>load<i32>(t.order + at) << 2)));
    }
    const diagonal = row + (<usize>i << 2),
      value = load<f32>(diagonal);
    store<f32>(diagonal, value > 0 ? value + t.added : 1);
  }
}

// @ts-ignore: decorator
@inline
function dot(a: usize, b: usize, length: i32): f64 {
  let p = f64x2.splat(0),
    q = p;
  const vectors = a + (<usize>(length & ~3) << 3),
    end = a + (<usize>length << 3);
  while (a < vectors) {
    p = f64x2.add(p, f64x2.mul(v128.load(a), v128.load(b)));
    q = f64x2.add(q, f64x2.mul(v128.load(a, 16), v128.load(b, 16)));
    a += 32;
    b += 32;
  }
  p = f64x2.add(p, q);
  let sum = f64x2.extract_lane(p, 0) + f64x2.extract_lane(p, 1);
  while (a < end) {
    sum += load<f64>(a) * load<f64>(b);
    a += 8;
    b += 8;
  }
  return sum;
}

/** Factors the diagonal block in float64 and inverts its transpose. One unit. */
export function factorDiagonal(args: usize, _begin: i32, _end: i32, _scratch: usize): void {
  const t = changetype<UpperFactor>(args),
    size = t.end - t.start,
    width = <usize>size << 3,
    stride = <usize>t.n << 2,
    top = t.r + <usize>t.start * stride + (<usize>t.start << 2);
  for (let i = 0; i < size; i++)
    for (let j = i; j < size; j++)
      store<f64>(t.block + <usize>i * width + (<usize>j << 3), load<f32>(top + <usize>i * stride + (<usize>j << 2)));
  for (let j = size - 1; j >= 0; j--) {
    const pivotRow = t.block + <usize>j * width + (<usize>(j + 1) << 3),
      pivotAt = pivotRow - 8,
      later = size - 1 - j,
      square = load<f64>(pivotAt) - dot(pivotRow, pivotRow, later);
    if (!(square > 0) || square == Infinity) {
      store<i32>(t.definite, 0);
      return;
    }
    const pivot = sqrt<f64>(square);
    store<f64>(pivotAt, pivot);
    for (let i = 0; i < j; i++) {
      const row = t.block + <usize>i * width + (<usize>(j + 1) << 3);
      store<f64>(row - 8, (load<f64>(row - 8) - dot(row, pivotRow, later)) / pivot);
    }
  }
  for (let i = 0; i < size; i++) {
    const row = top + <usize>i * stride,
      // The product that was taken off here reached below the diagonal, inside its tiles.
      tile = (t.start + i) & ~(BLOCK_N - 1);
    memory.fill(t.r + <usize>(t.start + i) * stride + (<usize>tile << 2), 0, <usize>(t.start + i - tile) << 2);
    for (let j = i; j < size; j++)
      store<f32>(row + (<usize>j << 2), <f32>load<f64>(t.block + <usize>i * width + (<usize>j << 3)));
  }
  if (t.start) invertTransposed(t, size);
}

/** inverse = (Rᵀ)⁻¹ of the diagonal block, lower triangular, row by row: eᵢ − Σ R[k, i] · row k, over R[i, i]. */
function invertTransposed(t: UpperFactor, size: i32): void {
  const width = <usize>size << 3;
  for (let i = 0; i < size; i++) {
    const pivot = load<f64>(t.block + <usize>i * width + (<usize>i << 3)),
      out = t.inverse + (<usize>i * <usize>size << 2);
    memory.fill(out, 0, <usize>size << 2);
    for (let j = 0; j <= i; j++) {
      let sum: f64 = i == j ? 1 : 0;
      for (let k = j; k < i; k++)
        sum -= load<f64>(t.block + <usize>k * width + (<usize>i << 3)) *
          <f64>load<f32>(t.inverse + ((<usize>k * <usize>size + <usize>j) << 2));
      store<f32>(out + (<usize>j << 2), <f32>(sum / pivot));
    }
  }
}

/** R above the diagonal block, from R · blockᵀ = A: a product with the inverse. Units: 64 rows. */
export function solveAbove(args: usize, begin: i32, end: i32, scratch: usize): void {
  const t = changetype<UpperFactor>(args),
    size = t.end - t.start,
    width = <usize>size << 2,
    stride = <usize>t.n << 2;
  for (let unit = begin; unit < end; unit++) {
    const i0 = unit * SOLVE_ROWS,
      rows = min(SOLVE_ROWS, t.start - i0),
      above = t.r + <usize>i0 * stride + (<usize>t.start << 2),
      solved = t.panel + <usize>i0 * width;
    for (let n0 = 0; n0 < size; n0 += BLOCK_N) {
      const at = <usize>n0 << 2;
      multiplyColumnBlock(
        above, stride, rows, t.inverse + at, width, false, min(BLOCK_N, size - n0), size, solved + at, width, true, scratch,
      );
    }
    for (let i = 0; i < rows; i++) {
      const from = solved + <usize>i * width,
        negative = t.negated + <usize>(i0 + i) * width;
      memory.copy(above + <usize>i * stride, from, width);
      for (let at: usize = 0; at < width; at += 4) store<f32>(negative + at, -load<f32>(from + at));
    }
  }
}

/**
 * Takes the block's share off what is left: A[above, above] −= R[above, block] · R[above, block]ᵀ. Units: blocks of 32
 * columns down to the diagonal, the longest first.
 */
export function updateAbove(args: usize, begin: i32, end: i32, scratch: usize): void {
  const t = changetype<UpperFactor>(args),
    size = t.end - t.start,
    width = <usize>size << 2,
    stride = <usize>t.n << 2,
    blocks = (t.start + BLOCK_N - 1) / BLOCK_N;
  for (let unit = begin; unit < end; unit++) {
    const n0 = (blocks - 1 - unit) * BLOCK_N,
      columns = min(BLOCK_N, t.start - n0);
    multiplyColumnBlock(
      t.negated, width, n0 + columns, t.panel + <usize>n0 * width, width, true, columns, size,
      t.r + (<usize>n0 << 2), stride, false, scratch,
    );
  }
}
