import { roundHalfEven } from '@tamp/core';

/** Smallest scale of PyTorch's observers. */
const smallestScale = 2 ** -23;

/**
 * Symmetric int8, dequantized, with one scale for each run of `length` values: max|x| / 127.5. Every step in float32; a
 * new array.
 */
export function roundSymmetric(values: Float32Array, length: number): Float32Array {
  const rounded = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    let largest = 0;
    for (let i = start; i < start + length; i++) largest = Math.max(largest, Math.abs(values[i]));
    const scale = Math.max(Math.fround(largest / 127.5), smallestScale);
    for (let i = start; i < start + length; i++) {
      const level = roundHalfEven(Math.fround(values[i] / scale));
      rounded[i] = Math.min(Math.max(level, -128), 127) * scale;
    }
  }
  return rounded;
}

/** Affine uint8, dequantized, with one scale and zero point for all values. Every step in float32; a new array. */
export function roundAffine(values: Float32Array): Float32Array {
  let low = 0;
  let high = 0;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const scale = Math.max(Math.fround(Math.fround(high - low) / 255), smallestScale);
  const zero = -roundHalfEven(Math.fround(low / scale));
  return values.map((value) => {
    const level = roundHalfEven(Math.fround(value / scale)) + zero;
    return (Math.min(Math.max(level, 0), 255) - zero) * scale;
  });
}
