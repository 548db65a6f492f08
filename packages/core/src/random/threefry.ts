/**
 * Threefry-2x32 with 20 rounds: a keyed bijection of two 32-bit words, built from additions, rotations and
 * exclusive-ors alone. It is the same in JavaScript, WebAssembly and WGSL, and any element of a random sequence
 * can be computed without the ones before it. Also the generator behind JAX's random numbers.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
 */
export type Words = readonly [number, number];

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
const parity = 0x1bd11bda;

/** Writes the two random words of (key, counter) to out[at] and out[at + 1]. All words are taken modulo 2^32. */
export function threefry2x32(
  key: Words,
  counterLow: number,
  counterHigh: number,
  out: Uint32Array,
  at: number,
): void {
  const k0 = key[0] | 0;
  const k1 = key[1] | 0;
  const keys = [k0, k1, parity ^ k0 ^ k1];
  let x0 = (counterLow + k0) | 0;
  let x1 = (counterHigh + k1) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = rotations[round & 7];
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if ((round & 3) === 3) {
      const injection = (round + 1) >> 2;
      x0 = (x0 + keys[injection % 3]) | 0;
      x1 = (x1 + keys[(injection + 1) % 3] + injection) | 0;
    }
  }
  out[at] = x0;
  out[at + 1] = x1;
}
