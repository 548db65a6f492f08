import { type AffineScheme, groupsPerRow, levelRange, roundHalfEven } from '@tamp/core';

/** The inverse of a symmetric positive definite matrix, by Gauss-Jordan elimination in doubles. */
function inverse(matrix: readonly number[][]): number[][] {
  const n = matrix.length;
  const work = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const pivot = work[i][i];
    work[i] = work[i].map((value) => value / pivot);
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      const factor = work[k][i];
      work[k] = work[k].map((value, j) => value - factor * work[i][j]);
    }
  }
  return work.map((row) => row.slice(n));
}

/**
 * GPTQ as the paper states it: round a column, spread its error over the columns left through the inverse Hessian,
 * eliminate the column from the inverse. Symmetric levels with given scales; doubles throughout.
 */
export function textbookGptq(
  weight: Float32Array,
  rows: number,
  hessian: readonly number[][],
  order: ArrayLike<number>,
  scheme: AffineScheme,
  scales: Float32Array,
): Int8Array {
  const columns = hessian.length;
  const groups = groupsPerRow(scheme, columns);
  const { min, max } = levelRange(scheme.bits);
  const w = Float64Array.from(weight);
  const levels = new Int8Array(rows * columns);
  const inv = inverse(Array.from(order, (i) => Array.from(order, (j) => hessian[i][j])));
  for (let at = 0; at < columns; at++) {
    const column = order[at];
    for (let row = 0; row < rows; row++) {
      const scale = scales[row * groups + Math.floor((column * groups) / columns)];
      const index = row * columns + column;
      const level = roundHalfEven(Math.min(Math.max(w[index] / scale, min), max));
      levels[index] = level;
      const error = (w[index] - level * scale) / inv[at][at];
      for (let later = at + 1; later < columns; later++)
        w[row * columns + order[later]] -= error * inv[at][later];
    }
    const eliminated = inv[at].slice();
    for (let i = at + 1; i < columns; i++) {
      const factor = eliminated[i] / eliminated[at];
      for (let j = at + 1; j < columns; j++) inv[i][j] -= factor * eliminated[j];
    }
  }
  return levels;
}
