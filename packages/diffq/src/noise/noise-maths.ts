import { TampError } from '@tamp/core';

/** One parameter's noise in one training step. */
export interface NoiseInputs {
  readonly weights: Float32Array;
  /** Bits per group, real numbers. */
  readonly bits: Float32Array;
  /** Elements per group, consecutive. */
  readonly groupSize: number;
  /** One number u per element: N(0, 1) / 2 or U(−1/2, 1/2). */
  readonly noise: Float32Array;
}

/** What the gradient needs of a forward computation. */
export interface NoiseForward {
  /** w + Δ·u/(2^b − 1), float32. */
  readonly values: Float32Array;
  readonly min: number;
  readonly max: number;
  /** 1 / (2^b − 1) per group. */
  readonly scales: Float64Array;
}

/**
 * Pseudo quantization noise: w̃ = w + Δ·u/(2^b − 1) with Δ = max(w) − min(w) of the whole tensor. Throws a `TampError`
 * (`data`) when a weight is NaN or infinite. Source: Défossez, Adi, Synnaeve, arXiv 2104.09987.
 */
export function addNoise({ weights, bits, groupSize, noise }: NoiseInputs, layer: string): NoiseForward {
  let min = Infinity;
  let max = -Infinity;
  // Math.min and Math.max, unlike comparisons, pass NaN on.
  for (let i = 0; i < weights.length; i++) {
    min = Math.min(min, weights[i]);
    max = Math.max(max, weights[i]);
  }
  if (!Number.isFinite(max - min)) {
    throw new TampError('its weights contain NaN or infinite values', {
      code: 'data',
      at: { layer },
      remedy: 'Training has diverged before this step: lower the learning rate or clip gradients.',
    });
  }
  const range = max - min;
  const scales = new Float64Array(bits.length);
  const values = new Float32Array(weights.length);
  let i = 0;
  for (let g = 0; g < bits.length; g++) {
    // e^(b·ln2) takes a quarter of the time of 2 ** b.
    const scale = 1 / (Math.exp(bits[g] * Math.LN2) - 1);
    scales[g] = scale;
    const amplitude = range * scale;
    const end = i + groupSize;
    for (; i < end; i++) values[i] = weights[i] + amplitude * noise[i];
  }
  return { values, min, max, scales };
}

/** Gradients of {@link addNoise}. */
export interface NoiseGradients {
  readonly weights: Float32Array;
  /** By the bits of each group. */
  readonly bits: Float64Array;
}

/**
 * Gradients of {@link addNoise} from that of its result. ∂w̃/∂b = −Δ·u·ln2·2^b/(2^b − 1)². The gradient by Δ goes to
 * the largest and, negated, to the smallest weights; ties share it evenly.
 */
export function noiseGradients(
  { weights, groupSize, noise }: NoiseInputs,
  { min, max, scales }: NoiseForward,
  gradient: Float32Array,
): NoiseGradients {
  const range = max - min;
  const bits = new Float64Array(scales.length);
  let byRange = 0;
  let i = 0;
  for (let g = 0; g < scales.length; g++) {
    let sum = 0;
    const end = i + groupSize;
    for (; i < end; i++) sum += gradient[i] * noise[i];
    const scale = scales[g];
    byRange += sum * scale;
    // 2^b / (2^b − 1) = 1 + 1/(2^b − 1).
    bits[g] = -range * Math.LN2 * sum * scale * (1 + scale);
  }
  const result = gradient.slice();
  const smallest: number[] = [];
  const largest: number[] = [];
  for (let k = 0; k < weights.length; k++) {
    if (weights[k] === min) smallest.push(k);
    if (weights[k] === max) largest.push(k);
  }
  for (const k of largest) result[k] += byRange / largest.length;
  for (const k of smallest) result[k] -= byRange / smallest.length;
  return { weights: result, bits };
}
