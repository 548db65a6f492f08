import * as tf from '@tensorflow/tfjs-core';

/** Columns of one step. */
const blockColumns = 64;
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

/** Rows above the diagonal block: solves R[above, block] · R[block, block]ᵀ = A[above, block]. */
function solveAbove(a: Float32Array, n: number, start: number, end: number): void {
  const row = new Float64Array(end - start);
  for (let i = 0; i < start; i++) {
    for (let j = end - 1; j >= start; j--) {
      let sum = a[i * n + j];
      for (let k = j + 1; k < end; k++) sum -= row[k - start] * a[j * n + k];
      row[j - start] = sum / a[j * n + j];
    }
    for (let j = start; j < end; j++) a[i * n + j] = row[j - start];
  }
}

/** Subtracts the block's share from what is left: A[above, above] −= R[above, block] · R[above, block]ᵀ. */
async function updateAbove(a: Float32Array, n: number, start: number, end: number): Promise<void> {
  const width = end - start;
  const panel = new Float32Array(start * width);
  for (let i = 0; i < start; i++) panel.set(a.subarray(i * n + start, i * n + end), i * width);
  const matrix = tf.tensor2d(panel, [start, width]);
  try {
    for (let top = 0; top < start; top += stripRows) {
      const height = Math.min(stripRows, start - top);
      const rest = start - top;
      const product = tf.tidy(() =>
        tf.matMul(
          tf.slice(matrix, [top, 0], [height, width]),
          tf.slice(matrix, [top, 0], [rest, width]),
          false,
          true,
        ),
      );
      const values = await product.data();
      product.dispose();
      for (let i = 0; i < height; i++) {
        const to = (top + i) * n + top;
        for (let j = i; j < rest; j++) a[to + j] -= values[i * rest + j];
      }
    }
  } finally {
    matrix.dispose();
  }
}

/**
 * Factors a symmetric matrix A = R · Rᵀ with R upper triangular, in place: `a` [n, n] holds A on and above the
 * diagonal and afterwards R. (This is Cholesky's factorization from the last column to the first.) False, with `a`
 * spoilt, when A is not positive definite in float32.
 */
export async function factorize(a: Float32Array, n: number): Promise<boolean> {
  for (let end = n; end > 0; ) {
    const start = Math.max(0, end - blockColumns);
    if (!factorizeDiagonal(a, n, start, end)) return false;
    if (start > 0) {
      solveAbove(a, n, start, end);
      await updateAbove(a, n, start, end);
    }
    end = start;
  }
  return true;
}
