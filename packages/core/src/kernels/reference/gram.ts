import * as tf from '@tensorflow/tfjs-core';

/** Columns of one product; those to the left of its diagonal are not computed. */
const stripColumns = 512;
const tile = 64;

/** Columns [start, columns) of a matrix, as one of its own. */
function columnsFrom(x: Float32Array, rows: number, columns: number, start: number): Float32Array {
  if (start === 0) return x;
  const width = columns - start;
  const part = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    part.set(x.subarray(row * columns + start, (row + 1) * columns), row * width);
  }
  return part;
}

/** Copies the upper triangle to the lower one, in tiles that stay in the cache. */
function mirror(values: Float32Array, n: number): void {
  for (let top = 0; top < n; top += tile) {
    for (let left = top; left < n; left += tile) {
      const [bottom, right] = [Math.min(n, top + tile), Math.min(n, left + tile)];
      for (let i = top; i < bottom; i++) {
        for (let j = Math.max(i, left); j < right; j++) values[j * n + i] = values[i * n + j];
      }
    }
  }
}

/** xᵀ · x by tfjs's product of matrices, on any backend. */
export async function gramReference(x: Float32Array, rows: number, columns: number): Promise<Float32Array> {
  const sums = new Float32Array(columns * columns);
  for (let start = 0; start < columns; start += stripColumns) {
    const height = Math.min(stripColumns, columns - start);
    const width = columns - start;
    // Cut here and not by tfjs, whose general slice takes longer than the product.
    const right = columnsFrom(x, rows, columns, start);
    const left = new Float32Array(rows * height);
    for (let row = 0; row < rows; row++) {
      left.set(right.subarray(row * width, row * width + height), row * height);
    }
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d(left, [rows, height]), tf.tensor2d(right, [rows, width]), true, false),
    );
    try {
      const values = await product.data<'float32'>();
      for (let i = 0; i < height; i++) {
        sums.set(values.subarray(i * width + i, (i + 1) * width), (start + i) * columns + start + i);
      }
    } finally {
      product.dispose();
    }
  }
  mirror(sums, columns);
  return sums;
}
