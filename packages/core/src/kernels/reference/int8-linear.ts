import type { QuantizedActivation } from './quantize-activation.js';
import { unpackLevels } from './unpack-levels.js';

/** An int8 weight as the plain words of a file. */
export interface Int8WeightReference {
  readonly words: Int32Array;
  readonly rows: number;
  readonly columns: number;
  /** [rows] */
  readonly scales: Float32Array;
  /** [rows], or undefined for a symmetric weight. */
  readonly zeroPoints: Int32Array | undefined;
}

/** Exact: 8-bit levels of any row that fits in memory sum to less than 2^53. */
function sumOf(levels: Int8Array | Int16Array): number {
  let sum = 0;
  for (const level of levels) sum += level;
  return sum;
}

/** The contract of `TampInt8Linear` on activations that are quantized already: [m, rows]. */
export function int8LinearReference(
  activation: QuantizedActivation,
  m: number,
  weight: Int8WeightReference,
  bias: Float32Array | undefined,
): Float32Array {
  const { rows, columns } = weight;
  const out = new Float32Array(m * rows);
  const activationSums = new Int32Array(m);
  for (let row = 0; row < m; row++) {
    for (let k = 0; k < columns; k++) activationSums[row] += activation.levels[row * columns + k];
  }
  for (let n = 0; n < rows; n++) {
    const weightRow = unpackLevels(weight.words, { bits: 8, rows, columns }, n, 1);
    const weightSum = sumOf(weightRow);
    const weightZero = weight.zeroPoints?.[n] ?? 0;
    for (let row = 0; row < m; row++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += activation.levels[row * columns + k] * weightRow[k];
      const zero = activation.zeroPoints[row];
      const exact = sum - zero * weightSum - weightZero * activationSums[row] + columns * zero * weightZero;
      const scale = Math.fround(activation.scales[row] * weight.scales[n]);
      out[row * rows + n] = Math.fround(Math.fround(exact) * scale) + (bias?.[n] ?? 0);
    }
  }
  return out;
}
