import { Random } from '@tamp/core';
import { checkSampling, type SamplingOptions } from '../options.js';
import { mostLikely } from './most-likely.js';

/** Chooses a token from its logits [vocabulary], which must be finite. */
export type Sampler = (logits: Float32Array) => number;

/** The largest logit's index, the first of equal ones. */
function greatest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}

/**
 * A sampler with its own sequence of random numbers. At temperature 0 it takes the largest logit and draws nothing.
 * Otherwise it divides the logits by the temperature, keeps the `topK` largest, then of these the fewest whose
 * probabilities sum to `topP`, and draws one token in proportion to its probability with one random number per token.
 * Of equal logits the smaller id comes first. Computed in float64, so equal logits give equal tokens everywhere.
 * Throws a `TampError` (`usage`) for options that make no sense.
 */
export function createSampler(options: SamplingOptions = {}): Sampler {
  checkSampling(options);
  const { temperature = 0, topK, topP = 1, seed = 0 } = options;
  if (temperature === 0) return greatest;
  const random = new Random(seed);
  return (logits) => {
    const { ids, weights } = mostLikely(logits, { temperature, topK, topP });
    let total = 0;
    for (const weight of weights) total += weight;
    let left = random.uniform() * total;
    for (let i = 0; i < ids.length; i++) {
      left -= weights[i];
      if (left < 0) return ids[i];
    }
    return ids[ids.length - 1];
  };
}
