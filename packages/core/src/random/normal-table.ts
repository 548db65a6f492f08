/**
 * Standard normal numbers from 32 random bits by integer arithmetic alone, so that every backend gives the same
 * bits. (Logarithms and cosines differ between engines, and a shader compiler may fuse a multiplication with an
 * addition, which changes the last bit of a polynomial.)
 *
 * The highest bit of the word is the sign. The others give an odd t in units of 2^-33, the probability of the
 * upper tail: t = (word << 1) | 1. Its octave (31 - countLeadingZeros(t)) and the next six bits select a segment of
 * a table of the inverse distribution, the sixteen bits after them interpolate in it:
 *
 *     n = t << clz(t);  i = (31 - clz(t)) * 64 + ((n >>> 25) & 63);  f = (n >>> 9) & 0xffff
 *     z = table[i] + (((table[i + 1] - table[i]) * f) >> 16)          // arithmetic shift, all 32-bit
 *
 * z has 21 fraction bits and is below 2^24, so z · 2^-21 is exactly a float32. The largest value is 6.34; the
 * distribution function is within 5e-6 of the normal one, the mean 0, the variance 1 within 1e-5.
 */
export const normalFractionBits = 21;
/** Computed once: engines do not fold a power of constants, and noise needs it for every number. */
const fractionUnit = 2 ** -normalFractionBits;
const segments = 64;

let table: Int32Array | undefined;

/** The 2049 table entries, for backends to upload. Do not write to it. */
export function normalTable(): Int32Array {
  table ??= computeTable();
  return table;
}

/** The normal number of one random word, by the rule above. */
export function normalOf(word: number, entries: Int32Array): number {
  const tail = ((word << 1) | 1) >>> 0;
  const zeros = Math.clz32(tail);
  const normalized = tail << zeros;
  const index = (31 - zeros) * segments + ((normalized >>> 25) & (segments - 1));
  const low = entries[index];
  const fraction = (normalized >>> 9) & 0xffff;
  const magnitude = low + (Math.imul(entries[index + 1] - low, fraction) >> 16);
  return (word & 0x80000000 ? -magnitude : magnitude) * fractionUnit;
}

/**
 * The inverse of the upper tail at each segment border, from the middle outwards by Newton's method. Only
 * operations that IEEE 754 rounds exactly (+ - · /), so the table is the same on every engine.
 */
function computeTable(): Int32Array {
  const entries = new Int32Array(32 * segments + 1);
  let z = 0;
  for (let index = 32 * segments - 1; index >= 0; index--) {
    const octave = Math.floor(index / segments);
    const probability = (1 + (index % segments) / segments) * 2 ** (octave - 33);
    for (let round = 0; round < 6; round++) z += (upperTail(z) - probability) / density(z);
    entries[index] = Math.round(z * 2 ** normalFractionBits);
  }
  return entries;
}

function density(z: number): number {
  return exponential((-z * z) / 2) / 2.5066282746310002;
}

/** 1 - Φ(z) for z ≥ 0: a power series near the middle, a continued fraction in the tail. */
function upperTail(z: number): number {
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let k = 1; k < 60; k++) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    return 0.5 - density(z) * sum;
  }
  let fraction = z;
  for (let k = 100; k > 0; k--) fraction = z + k / fraction;
  return density(z) / fraction;
}

/** e^x for -32 ≤ x ≤ 0: a Taylor series at x / 64, squared six times. */
function exponential(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < 20; k++) {
    term *= x / 64 / k;
    sum += term;
  }
  for (let round = 0; round < 6; round++) sum *= sum;
  return sum;
}
