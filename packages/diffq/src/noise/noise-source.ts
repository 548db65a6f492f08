import { Random } from '@tamp/core';

/** Distribution of the noise u: N(0, 1) / 2 or U(−1/2, 1/2). */
export type NoiseKind = 'gaussian' | 'uniform';

/** Where the noise of a training step comes from. */
export interface NoiseSource {
  /** Fills `noise` with u for the quantized parameter number `parameter` in step `step`, both 0-based. */
  fill(noise: Float32Array, parameter: number, step: number): void;
}

/**
 * Noise that depends on seed, step and parameter alone: the same on every backend, and a resumed run draws what the
 * undisturbed one would have drawn.
 */
export function seededNoise(seed: number, kind: NoiseKind): NoiseSource {
  const random = new Random(seed);
  return {
    fill(noise, parameter, step) {
      const own = random.fork(step).fork(parameter);
      if (kind === 'uniform') own.fillCentered(noise);
      else {
        own.fillNormal(noise);
        for (let i = 0; i < noise.length; i++) noise[i] *= 0.5;
      }
    },
  };
}
