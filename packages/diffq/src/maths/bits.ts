/** How a logit stands for a number of bits: see {@link bitsOfLogits}. */
export type LogitMeaning = 'bits' | 'noise';

/** The part of DiffQ's options that turns logits into bits. */
export interface BitsRule {
  readonly param: LogitMeaning;
  readonly minBits: number;
  readonly maxBits: number;
}

/** log of the noise scale 1 / (2^bits - 1). */
function logScale(bits: number): number {
  return -Math.log(2 ** bits - 1);
}

/** 1 / (1 + e^-x), without overflow. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/**
 * Bits of each logit ℓ, float32. With t = sigmoid(ℓ): param 'bits' gives b = maxBits·t + minBits·(1 − t); param
 * 'noise' interpolates the logarithm of the noise scale s between 1/(2^minBits − 1) and 1/(2^maxBits − 1) and gives
 * b = log2(1 + 1/s). Source: Défossez, Adi, Synnaeve, arXiv 2104.09987.
 */
export function bitsOfLogits(logits: ArrayLike<number>, rule: BitsRule): Float32Array {
  const bits = new Float32Array(logits.length);
  const { minBits, maxBits } = rule;
  const low = logScale(maxBits);
  const high = logScale(minBits);
  for (let g = 0; g < bits.length; g++) {
    const t = Math.fround(sigmoid(logits[g]));
    if (rule.param === 'bits') {
      bits[g] = Math.fround(maxBits * t) + Math.fround(minBits * Math.fround(1 - t));
    } else {
      const scale = Math.fround(Math.exp(t * low + (1 - t) * high));
      bits[g] = Math.log2(1 + 1 / scale);
    }
  }
  return bits;
}

/** Derivative of each group's bits by its logit, float32. */
export function bitsSlopes(logits: ArrayLike<number>, rule: BitsRule): Float32Array {
  const slopes = new Float32Array(logits.length);
  const { minBits, maxBits } = rule;
  const low = logScale(maxBits);
  const high = logScale(minBits);
  for (let g = 0; g < slopes.length; g++) {
    const t = sigmoid(logits[g]);
    // db/ds · ds/dt of param 'noise' is (ln sMax − ln sMin) / ((s + 1) · ln 2).
    const perT =
      rule.param === 'bits'
        ? maxBits - minBits
        : (high - low) / ((Math.exp(t * low + (1 - t) * high) + 1) * Math.LN2);
    slopes[g] = perT * t * (1 - t);
  }
  return slopes;
}

/** The logit that stands for `bits`, strictly between minBits and maxBits. */
export function logitOfBits(bits: number, rule: BitsRule): number {
  const { minBits, maxBits } = rule;
  const t =
    rule.param === 'bits'
      ? (bits - minBits) / (maxBits - minBits)
      : (logScale(bits) - logScale(minBits)) / (logScale(maxBits) - logScale(minBits));
  return Math.log(t / (1 - t));
}
