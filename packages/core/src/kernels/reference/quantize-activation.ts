import { roundHalfEven } from '../../numeric/round-half-even.js';
import { activationBlockSize } from '../contract.js';

/** Activations as integers: one scale and zero point per row. */
export interface QuantizedActivation {
  readonly levels: Int32Array;
  /** [m] */
  readonly scales: Float32Array;
  /** [m] */
  readonly zeroPoints: Int32Array;
}

/** Smallest scale of a symmetric activation: the spacing of float32 at 1, as PyTorch's observers use. */
const smallestScale = 2 ** -23;

/** Quantizes x [m, columns] with one symmetric scale per row (see `Int8Activation`, kind `token`). */
export function quantizePerToken(x: Float32Array, m: number, columns: number): QuantizedActivation {
  const levels = new Int32Array(m * columns);
  const scales = new Float32Array(m);
  for (let row = 0; row < m; row++) {
    let largest = 0;
    for (let k = row * columns; k < (row + 1) * columns; k++) largest = Math.max(largest, Math.abs(x[k]));
    // largest − largest is 0, or NaN when the row is not finite: its results then are NaN too.
    const scale = Math.max(Math.fround(largest / 127.5), smallestScale) + (largest - largest);
    const reciprocal = Math.fround(1 / scale);
    scales[row] = scale;
    for (let k = row * columns; k < (row + 1) * columns; k++) {
      levels[k] = Math.max(-128, Math.min(127, roundHalfEven(Math.fround(x[k] * reciprocal))));
    }
  }
  return { levels, scales, zeroPoints: new Int32Array(m) };
}

/** Quantizes x with one scale and zero point to levels 0…largestLevel. */
export function quantizePerTensor(
  x: Float32Array,
  m: number,
  scale: number,
  zeroPoint: number,
  largestLevel: number,
): QuantizedActivation {
  const reciprocal = Math.fround(1 / scale);
  const levels = new Int32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const level = roundHalfEven(Math.fround(x[i] * reciprocal)) + zeroPoint;
    // NaN has the smallest level.
    levels[i] = level > 0 ? Math.min(largestLevel, level) : 0;
  }
  return {
    levels,
    scales: new Float32Array(m).fill(scale),
    zeroPoints: new Int32Array(m).fill(zeroPoint),
  };
}

/** Quantizes x [m, columns] in symmetric blocks of 32 along columns and gives back the float values. */
export function roundToInt8Blocks(x: Float32Array, m: number, columns: number): Float32Array {
  const rounded = new Float32Array(x.length);
  for (let row = 0; row < m; row++) {
    for (let start = 0; start < columns; start += activationBlockSize) {
      const from = row * columns + start;
      const to = row * columns + Math.min(columns, start + activationBlockSize);
      let largest = 0;
      for (let k = from; k < to; k++) largest = Math.max(largest, Math.abs(x[k]));
      const scale = largest === 0 ? 1 : Math.fround(largest / 127);
      const reciprocal = Math.fround(1 / scale);
      for (let k = from; k < to; k++) rounded[k] = roundHalfEven(Math.fround(x[k] * reciprocal)) * scale;
    }
  }
  return rounded;
}
