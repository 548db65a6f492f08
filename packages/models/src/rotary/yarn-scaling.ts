import { wavelengthPowers } from './default-frequencies.js';
import type { RotaryFrequencies } from './rotary-embedding-attributes.js';

const { fround } = Math;

/** YaRN (Peng et al. 2023, arXiv 2309.00071). */
export interface YarnScaling {
  readonly kind: 'yarn';
  readonly factor: number;
  readonly originalPositions: number;
  /** Pairs that turn more often than this over the original context keep their frequency. */
  readonly betaFast: number;
  /** Pairs that turn less often than this are interpolated. */
  readonly betaSlow: number;
  /** Whether the bounds of the blend are rounded outwards to whole pairs. */
  readonly truncate: boolean;
  /** Factor on cos and sin; by default it follows from `factor`, `mscale` and `mscaleAllDimensions`. */
  readonly attentionFactor: number | undefined;
  readonly mscale: number | undefined;
  readonly mscaleAllDimensions: number | undefined;
}

/** Growth of the attention's temperature with the context, 0.1 · mscale · ln(factor) + 1. */
function magnitude(factor: number, mscale: number): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}

function attentionScale({ factor, attentionFactor, mscale, mscaleAllDimensions }: YarnScaling): number {
  if (attentionFactor !== undefined) return attentionFactor;
  // A zero counts as absent, as it does in transformers.
  return mscale && mscaleAllDimensions
    ? magnitude(factor, mscale) / magnitude(factor, mscaleAllDimensions)
    : magnitude(factor, 1);
}

/** Index (not rounded) of the pair of elements that turns `turns` times over the original context. */
function pairOfTurns(turns: number, headSize: number, theta: number, positions: number): number {
  return (headSize * Math.log(positions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
}

/** Frequencies blended between extrapolation and interpolation, and the factor on cos and sin. */
export function yarnFrequencies(headSize: number, theta: number, scaling: YarnScaling): RotaryFrequencies {
  const { betaFast, betaSlow, originalPositions, truncate } = scaling;
  const factor = fround(scaling.factor);
  const fastest = pairOfTurns(betaFast, headSize, theta, originalPositions);
  const slowest = pairOfTurns(betaSlow, headSize, theta, originalPositions);
  const low = Math.max(truncate ? Math.floor(fastest) : fastest, 0);
  const bound = Math.min(truncate ? Math.ceil(slowest) : slowest, headSize - 1);
  // Keeps the ramp finite where both bounds meet.
  const high = bound === low ? bound + 0.001 : bound;
  const frequencies = wavelengthPowers(headSize, theta).map((power, pair) => {
    const ramp = fround(fround(pair - fround(low)) / fround(high - low));
    const kept = fround(1 - Math.min(Math.max(ramp, 0), 1));
    const interpolated = fround(1 / fround(factor * power));
    const extrapolated = fround(1 / power);
    return fround(fround(interpolated * fround(1 - kept)) + fround(extrapolated * kept));
  });
  return { frequencies, attentionScale: attentionScale(scaling) };
}
