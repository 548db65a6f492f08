import { unpackLevels } from './unpack-levels.js';

/** A group-wise quantized weight as the plain words of a file. */
export interface GroupwiseWeightReference {
  readonly words: Int32Array;
  readonly bits: number;
  readonly rows: number;
  readonly columns: number;
  readonly groupSize: number;
  /** [rows, groups] */
  readonly scales: Float32Array;
  /** [rows, groups], or undefined for a symmetric weight. */
  readonly zeroPoints: Int32Array | undefined;
}

/** One row of the weight as float32: fround((level − zero point) · scale). */
export function dequantizeRow(weight: GroupwiseWeightReference, row: number, out: Float32Array): void {
  const { words, columns, groupSize, scales, zeroPoints } = weight;
  const levels = unpackLevels(words, weight, row, 1);
  const groups = columns / groupSize;
  for (let k = 0; k < columns; k++) {
    const group = row * groups + Math.floor(k / groupSize);
    out[k] = (levels[k] - (zeroPoints?.[group] ?? 0)) * scales[group];
  }
}

/** The contract of `TampGroupwiseLinear` with float activations, summed in double precision: [m, rows]. */
export function groupwiseLinearReference(
  x: Float32Array,
  m: number,
  weight: GroupwiseWeightReference,
  bias: Float32Array | undefined,
): Float32Array {
  const { rows, columns, groupSize, scales, zeroPoints } = weight;
  const groups = columns / groupSize;
  const out = new Float32Array(m * rows);
  for (let n = 0; n < rows; n++) {
    const levels = unpackLevels(weight.words, weight, n, 1);
    for (let row = 0; row < m; row++) {
      let total = 0;
      for (let group = 0; group < groups; group++) {
        const zero = zeroPoints?.[n * groups + group] ?? 0;
        let sum = 0;
        for (let k = group * groupSize; k < (group + 1) * groupSize; k++) {
          sum += x[row * columns + k] * (levels[k] - zero);
        }
        total += sum * scales[n * groups + group];
      }
      out[row * rows + n] = total + (bias?.[n] ?? 0);
    }
  }
  return out;
}
