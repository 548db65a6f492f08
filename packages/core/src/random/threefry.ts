/**
 * Threefry-2x32 with 20 rounds: a keyed bijection of two 32-bit words, built from additions, rotations and
 * exclusive-ors alone. It is the same in JavaScript, WebAssembly and WGSL, and any element of a random sequence
 * can be computed without the ones before it. Also the generator behind JAX's random numbers.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
 */
export type Words = readonly [number, number];

const parity = 0x1bd11bda;

/** Writes the two random words of (key, counter) to out[at] and out[at + 1]. All words are taken modulo 2^32. */
export function threefry2x32(
  key: Words,
  counterLow: number,
  counterHigh: number,
  out: Uint32Array,
  at: number,
): void {
  threefryBlocks(key, counterLow, counterHigh, out, at, 1);
}

/**
 * The words of `count` consecutive counters, as {@link threefry2x32} gives them, from out[at] on. The low word of the
 * counter wraps without a carry.
 */
export function threefryBlocks(
  key: Words,
  counterLow: number,
  counterHigh: number,
  out: Uint32Array,
  at: number,
  count: number,
): void {
  const k0 = key[0] | 0;
  const k1 = key[1] | 0;
  const k2 = parity ^ k0 ^ k1;
  const high = (counterHigh + k1) | 0;
  let low = (counterLow + k0) | 0;
  // The rounds are written out: noise for a training step is drawn here, and a loop over them takes seven times as long.
  for (let i = at; i < at + 2 * count; i += 2) {
    let a = low;
    let b = high;
    low = (low + 1) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 1) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k2) | 0;
    b = (b + k0 + 2) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k0) | 0;
    b = (b + k1 + 3) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 4) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k2) | 0;
    b = (b + k0 + 5) | 0;
    out[i] = a;
    out[i + 1] = b;
  }
}
