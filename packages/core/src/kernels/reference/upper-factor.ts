import * as tf from '@tensorflow/tfjs-core';

/** Columns of one step. */
const blockColumns = 128;
/** Rows of one product of the update; only what lies on and above its diagonal block is computed. */
const stripRows = 512;

/** Factors the diagonal block [start, end) in place; false when it is not positive definite. */
function factorizeDiagonal(a: Float32Array, n: number, start: number, end: number): boolean {
  const size = end - start;
  const block = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) block[i * size + j] = a[(start + i) * n + start + j];
  }
  for (let j = size - 1; j >= 0; j--) {
    for (let i = j; i >= 0; i--) {
      let sum = block[i * size + j];
      for (let k = j + 1; k < size; k++) sum -= block[i * size + k] * block[j * size + k];
      if (i < j) block[i * size + j] = sum / block[j * size + j];
      else if (sum > 0 && Number.isFinite(sum)) block[j * size + j] = Math.sqrt(sum);
      else return false;
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) a[(start + i) * n + start + j] = block[i * size + j];
  }
  return true;
}

/** The inverse of the transposed diagonal block [start, end), in float32. */
function inverseTransposed(a: Float32Array, n: number, start: number, end: number): Float32Array {
  const size = end - start;
  const inverse = new Float64Array(size * size);
  // Row i of the inverse of Rᵀ (lower triangular), by forward substitution.
  for (let i = 0; i < size; i++) {
    const diagonal = a[(start + i) * n + start + i];
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 1 : 0;
      for (let k = j; k < i; k++) sum -= a[(start + k) * n + start + i] * inverse[k * size + j];
      inverse[i * size + j] = sum / diagonal;
    }
  }
  return Float32Array.from(inverse);
}

/** Rows above the diagonal block: solves R[above, block] · R[block, block]ᵀ = A[above, block]; gives R[above, block]. */
async function solveAbove(a: Float32Array, n: number, start: number, end: number): Promise<Float32Array> {
  const width = end - start;
  const above = new Float32Array(start * width);
  for (let i = 0; i < start; i++) above.set(a.subarray(i * n + start, i * n + end), i * width);
  const product = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(above, [start, width]),
      tf.tensor2d(inverseTransposed(a, n, start, end), [width, width]),
    ),
  );
  // A backend may give a view of memory that it uses again.
  const solved = (await product.data<'float32'>()).slice();
  product.dispose();
  for (let i = 0; i < start; i++) a.set(solved.subarray(i * width, (i + 1) * width), i * n + start);
  return solved;
}

/** Subtracts the block's share from what is left: A[above, above] −= R[above, block] · R[above, block]ᵀ. */
async function updateAbove(a: Float32Array, n: number, panel: Float32Array, start: number): Promise<void> {
  const width = panel.length / start;
  for (let top = 0; top < start; top += stripRows) {
    const height = Math.min(stripRows, start - top);
    const rest = start - top;
    const below = panel.subarray(top * width);
    const product = tf.tidy(() =>
      tf.matMul(
        tf.tensor2d(below.subarray(0, height * width), [height, width]),
        tf.tensor2d(below, [rest, width]),
        false,
        true,
      ),
    );
    const values = await product.data();
    for (let i = 0; i < height; i++) {
      const to = (top + i) * n + top;
      for (let j = i; j < rest; j++) a[to + j] -= values[i * rest + j];
    }
    product.dispose();
  }
}

/**
 * Factors a symmetric matrix A = R · Rᵀ with R upper triangular, in place: `a` [n, n] holds A on and above the
 * diagonal and afterwards R. (This is Cholesky's factorization from the last column to the first.) False, with `a`
 * spoilt, when A is not positive definite in float32.
 */
async function factorize(a: Float32Array, n: number): Promise<boolean> {
  for (let end = n; end > 0; ) {
    const start = Math.max(0, end - blockColumns);
    if (!factorizeDiagonal(a, n, start, end)) return false;
    if (start > 0) {
      const panel = await solveAbove(a, n, start, end);
      await updateAbove(a, n, panel, start);
    }
    end = start;
  }
  return true;
}

/** The reference of `upperFactor`, by tfjs's product of matrices, on any backend. */
export async function upperFactorReference(
  matrix: Float32Array,
  order: Int32Array,
  added: number,
): Promise<Float32Array | undefined> {
  const n = order.length;
  const a = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = order[i] * n;
    for (let j = i; j < n; j++) a[i * n + j] = matrix[row + order[j]];
  }
  for (let i = 0; i < n; i++) a[i * n + i] = a[i * n + i] > 0 ? a[i * n + i] + added : 1;
  return (await factorize(a, n)) ? a : undefined;
}
