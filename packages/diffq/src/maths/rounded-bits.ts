import { maxUniformBits, roundHalfEven } from '@tamp/core';

/** Bits that evaluation and storage use: clamp(roundHalfEven(extraBits + b), 1, 15). */
export function roundedBits(bits: Float32Array, extraBits: number): Uint8Array {
  return Uint8Array.from(bits, (b) =>
    Math.min(Math.max(roundHalfEven(Math.fround(extraBits + b)), 1), maxUniformBits),
  );
}

/** Bits of one code that can say `largest` bits with offset minBits: ceil(log2(1 + largest − minBits)). */
export function codeBits(largest: number, minBits: number): number {
  return largest <= minBits ? 0 : 32 - Math.clz32(largest - minBits);
}
