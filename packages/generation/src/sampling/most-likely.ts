/** Tokens that may be drawn, and how likely each is beside the others. */
export interface Candidates {
  readonly ids: Int32Array;
  /** Probabilities but for a common factor. */
  readonly weights: Float64Array;
}

/** How {@link mostLikely} chooses. */
export interface CandidateLimits {
  /** Above 0. */
  readonly temperature: number;
  /** Absent: no limit. */
  readonly topK?: number | undefined;
  /** 1: no limit. */
  readonly topP: number;
}

/** e^((logit − largest) / temperature): 1 for the most likely token. */
function unnormalized(logits: Float32Array, temperature: number): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if (logits[id] > largest) largest = logits[id];
  const weights = new Float64Array(logits.length);
  for (let id = 0; id < weights.length; id++) weights[id] = Math.exp((logits[id] - largest) / temperature);
  return weights;
}

function sum(weights: Float64Array): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  return total;
}

/** Ids of the `count` largest logits, the largest first, of equal ones the smaller id. */
function largestLogits(logits: Float32Array, count: number, ids: readonly number[]): Int32Array {
  return Int32Array.from([...ids].sort((a, b) => logits[b] - logits[a] || a - b).slice(0, count));
}

/** Ids whose logit is at least the `count`-th largest: these, and others only where logits are equal. */
function idsFrom(logits: Float32Array, count: number): number[] {
  const least = Float32Array.from(logits).sort()[logits.length - count];
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) if (logits[id] >= least) ids.push(id);
  return ids;
}

/** The first of these ids, which are sorted, whose weights reach `share` of `total`; one at least. */
function nucleus(ids: Int32Array, weights: Float64Array, share: number, total: number): Candidates {
  let reached = 0;
  let count = 0;
  while (count < ids.length && (count === 0 || reached < share * total)) {
    reached += weights[ids[count]];
    count++;
  }
  const kept = ids.subarray(0, count);
  return { ids: kept, weights: Float64Array.from(kept, (id) => weights[id]) };
}

/**
 * The tokens to draw from: the `topK` largest logits (of equal ones the smaller id), and of these the fewest most likely
 * ones whose probabilities among them reach the sum `topP` (Holtzman et al. 2020).
 */
export function mostLikely(logits: Float32Array, { temperature, topK, topP }: CandidateLimits): Candidates {
  const weights = unnormalized(logits, temperature);
  if (topK !== undefined && topK < logits.length) {
    const ids = largestLogits(logits, topK, idsFrom(logits, topK));
    const total = sum(Float64Array.from(ids, (id) => weights[id]));
    return nucleus(ids, weights, topP, topP === 1 ? Number.POSITIVE_INFINITY : total);
  }
  if (topP === 1) return { ids: Int32Array.from(weights, (_, id) => id), weights };
  const total = sum(weights);
  // All that are less likely than this have less than 1 − topP together: only the others need sorting.
  const negligible = ((1 - topP) * total) / logits.length;
  const ids: number[] = [];
  for (let id = 0; id < weights.length; id++) if (weights[id] >= negligible) ids.push(id);
  return nucleus(largestLogits(logits, ids.length, ids), weights, topP, total);
}
