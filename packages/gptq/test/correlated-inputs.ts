import { Random } from '@tamp/core';

/** Input rows whose columns are correlated and of very different size, as a language model's are. */
export function correlatedInputs(rows: number, columns: number, seed: number): Float32Array {
  const random = new Random(seed);
  const noise = random.fillNormal(new Float32Array(rows * columns));
  const sizes = random.fillNormal(new Float32Array(columns)).map((value) => Math.exp(value));
  const x = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    let carried = 0;
    for (let column = 0; column < columns; column++) {
      carried = 0.8 * carried + 0.6 * noise[row * columns + column];
      x[row * columns + column] = carried * sizes[column];
    }
  }
  return x;
}

/** XᵀX / rows in doubles. */
export function secondMoments(x: Float32Array, rows: number, columns: number): number[][] {
  const sums = Array.from({ length: columns }, () => new Array<number>(columns).fill(0));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++) sums[i][j] += (x[row * columns + i] * x[row * columns + j]) / rows;
    }
  }
  return sums;
}

/** Σ (X (w − ŵ)ᵀ)², the squared error of a layer's outputs. */
export function outputError(
  x: Float32Array,
  original: Float32Array,
  quantized: Float32Array,
  rows: number,
  columns: number,
): number {
  let total = 0;
  for (let from = 0; from < x.length; from += columns) {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let i = 0; i < columns; i++) {
        sum += x[from + i] * (original[row * columns + i] - quantized[row * columns + i]);
      }
      total += sum * sum;
    }
  }
  return total;
}
