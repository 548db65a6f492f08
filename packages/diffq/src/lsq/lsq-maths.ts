import { roundHalfEven } from '@tamp/core';

/**
 * Learned step size quantization (Esser et al., "Learned Step Size Quantization", ICLR 2020): integers from −2^(b−1) to
 * 2^(b−1) − 1 times one step s per tensor, which is trained.
 */
export interface LsqRange {
  readonly lowest: number;
  readonly highest: number;
}

/** The integers of `bits` bits, two or more. */
export function lsqRange(bits: number): LsqRange {
  return { lowest: -(2 ** (bits - 1)), highest: 2 ** (bits - 1) - 1 };
}

/**
 * The smallest step. A step of zero (a tensor of zeros) would divide by zero, and one that training took below zero
 * would turn the weights round.
 */
export const smallestStep: number = 2 ** -60;

/** round(clamp(w/s)) of each weight. */
export function lsqLevels(weights: Float32Array, step: number, bits: number): Int16Array {
  const { lowest, highest } = lsqRange(bits);
  const levels = new Int16Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    levels[i] = roundHalfEven(Math.min(Math.max(Math.fround(weights[i] / step), lowest), highest));
  }
  return levels;
}

/** The values that levels stand for: s · level, float32. */
export function lsqValues(levels: Int16Array, step: number): Float32Array {
  return Float32Array.from(levels, (level) => step * level);
}

/** Gradients of the quantized weights by the weights and the step. */
export interface LsqGradients {
  readonly weights: Float32Array;
  readonly step: number;
}

/**
 * Straight-through gradients: by a weight where w/s is in range, else 0; by the step round(v) − v in range, else the
 * bound, the sum scaled by 1/√(n·(2^(b−1) − 1)).
 */
export function lsqGradients(
  weights: Float32Array,
  step: number,
  bits: number,
  gradient: Float32Array,
): LsqGradients {
  const { lowest, highest } = lsqRange(bits);
  const byWeight = new Float32Array(weights.length);
  let byStep = 0;
  for (let i = 0; i < weights.length; i++) {
    const v = Math.fround(weights[i] / step);
    if (v < lowest) byStep += gradient[i] * lowest;
    else if (v > highest) byStep += gradient[i] * highest;
    else {
      byWeight[i] = gradient[i];
      byStep += gradient[i] * (roundHalfEven(v) - v);
    }
  }
  return { weights: byWeight, step: byStep / Math.sqrt(weights.length * highest) };
}
