/** The argument block of the tasks on one float64 matrix [n, n]. */
@unmanaged
export class Matrix {
  a: usize;
  out: usize;
  n: i32;
  /** Column at hand (cholesky); column after the last good one when the matrix is not positive definite, or n. */
  column: i32;
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

// @ts-ignore: decorator
@inline
function rowOf(base: usize, n: i32, row: i32): usize {
  return base + ((<usize>row * <usize>n) << 3);
}

/**
 * One column of Cholesky's factorization A = L · Lᵀ, below its diagonal: out[i, column] for the rows of `units`, which
 * count from the row below the diagonal. The caller has set the diagonal by {@link choleskyDiagonal}.
 */
export function choleskyColumn(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<Matrix>(args),
    j = t.column,
    pivotRow = rowOf(t.out, t.n, j),
    pivot = load<f64>(pivotRow + (<usize>j << 3));
  for (let unit = begin; unit < end; unit++) {
    const i = j + 1 + unit,
      row = rowOf(t.out, t.n, i);
    store<f64>(
      row + (<usize>j << 3),
      (load<f64>(rowOf(t.a, t.n, i) + (<usize>j << 3)) - dot(row, pivotRow, j)) / pivot,
    );
  }
}

/** Sets out[column, column], clears what is above it, and says whether the pivot is positive and finite. */
export function choleskyDiagonal(a: usize, out: usize, n: i32, column: i32): bool {
  const row = rowOf(out, n, column),
    pivot = load<f64>(rowOf(a, n, column) + (<usize>column << 3)) - dot(row, row, column);
  if (!(pivot > 0) || pivot == Infinity) return false;
  store<f64>(row + (<usize>column << 3), sqrt<f64>(pivot));
  memory.fill(row + (<usize>(column + 1) << 3), 0, <usize>(n - column - 1) << 3);
  return true;
}

/**
 * The inverse of a lower triangular matrix, transposed: row j of `out` holds column j of L⁻¹, so that every sum runs
 * along rows. Units: columns of the inverse.
 */
export function invertLowerTransposed(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<Matrix>(args);
  for (let j = begin; j < end; j++) {
    const column = rowOf(t.out, t.n, j);
    memory.fill(column, 0, <usize>j << 3);
    for (let i = j; i < t.n; i++) {
      const row = rowOf(t.a, t.n, i),
        from = <usize>j << 3,
        sum = (i == j ? 1.0 : 0.0) - dot(row + from, column + from, i - j);
      store<f64>(column + (<usize>i << 3), sum / load<f64>(row + (<usize>i << 3)));
    }
  }
}
