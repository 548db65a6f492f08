/** How far a quantized weight is from the original. */
export interface WeightError {
  /** ‖w − ŵ‖ / ‖w‖; 0 for an exact copy, also of zeros. */
  readonly relativeError: number;
  /** Mean of (w − ŵ)². */
  readonly meanSquaredError: number;
  /** 10 · log10(Σw² / Σ(w − ŵ)²) in decibels; absent when the copy is exact. */
  readonly signalToNoise?: number;
}

/** Compares float32 values with what their quantized form stands for. Both have the same length. */
export function weightError(original: Float32Array, quantized: Float32Array): WeightError {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < original.length; i++) {
    const difference = original[i] - quantized[i];
    signal += original[i] * original[i];
    noise += difference * difference;
  }
  return errorOfSums(signal, noise, original.length);
}

/** The error whose sums Σw² and Σ(w − ŵ)² over `count` values are known. */
export function errorOfSums(signal: number, noise: number, count: number): WeightError {
  if (noise === 0) return { relativeError: 0, meanSquaredError: 0 };
  const meanSquaredError = noise / count;
  // All-zero originals have no relative error to speak of other than total.
  if (signal === 0) return { relativeError: 1, meanSquaredError };
  return {
    relativeError: Math.sqrt(noise / signal),
    meanSquaredError,
    signalToNoise: 10 * Math.log10(signal / noise),
  };
}
