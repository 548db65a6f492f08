import { BLOCK_K, multiplyPanels } from '../gemm/driver-f32';
import { PANEL } from '../gemm/tile-f32';
import { multiplyColumnBlock, packTransposedBlock } from './column-block';

/** Rows of one unit of {@link solveAbove}. */
const SOLVE_ROWS: i32 = 64;

/**
 * The argument block of the steps of a factorization A = R · Rᵀ, R upper triangular, in place and from the last
 * columns to the first. A step takes the columns [start, end), at most `WIDE_N` of them: first what all later columns
 * take off these (one long product, so that each element of the matrix is written once), then the diagonal block, then
 * what is above it.
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
  /** Room for float32 [start, width]: R above the diagonal block. */
  panel: usize;
  /** Room for float32 [n, width], the width filled up to whole panels: packed, what the step's rows have of later columns. */
  packed: usize;
  /** Rows of one unit of {@link updateBlock}. */
  rowsPerUnit: i32;
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

/** Bytes of the packed panels of one step of k. */
// @ts-ignore: decorator
@inline
function packedBytes(t: UpperFactor): usize {
  return <usize>((t.end - t.start + PANEL - 1) / PANEL) << 5;
}

/** packed = −R[block, later], panels of `BLOCK_K` columns each. Units: those. */
export function packLater(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<UpperFactor>(args),
    stride = <usize>t.n << 2,
    perColumn = packedBytes(t);
  for (let unit = begin; unit < end; unit++) {
    const k0 = t.end + unit * BLOCK_K,
      k = min(BLOCK_K, t.n - k0),
      panels = t.packed + <usize>(k0 - t.end) * perColumn,
      last = panels + <usize>k * perColumn;
    packTransposedBlock(t.r + <usize>t.start * stride + (<usize>k0 << 2), stride, t.end - t.start, k, panels);
    for (let at = panels; at < last; at += 16) v128.store(at, f32x4.neg(v128.load(at)));
  }
}

/** Takes off what later columns have: A[…end, block] −= R[…end, later] · R[block, later]ᵀ. Units: `rowsPerUnit` rows. */
export function updateBlock(args: usize, begin: i32, end: i32, scratch: usize): void {
  const t = changetype<UpperFactor>(args),
    stride = <usize>t.n << 2,
    perColumn = packedBytes(t);
  for (let unit = begin; unit < end; unit++) {
    const i0 = unit * t.rowsPerUnit,
      rows = min(t.rowsPerUnit, t.end - i0),
      row = t.r + <usize>i0 * stride;
    for (let k0 = t.end; k0 < t.n; k0 += BLOCK_K) {
      const k = min(BLOCK_K, t.n - k0);
      multiplyPanels(
        row + (<usize>k0 << 2), stride, rows, t.packed + <usize>(k0 - t.end) * perColumn, <usize>k << 5,
        t.end - t.start, k, row + (<usize>t.start << 2), stride, false, scratch,
      );
    }
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
    const row = top + <usize>i * stride;
    // The product that was taken off here reached below the diagonal.
    memory.fill(row, 0, <usize>i << 2);
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
    multiplyColumnBlock(above, stride, rows, t.inverse, width, false, size, size, solved, width, true, scratch);
    for (let i = 0; i < rows; i++) memory.copy(above + <usize>i * stride, solved + <usize>i * width, width);
  }
}
