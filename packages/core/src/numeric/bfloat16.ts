/**
 * bfloat16: the upper half of a float32 (1 sign, 8 exponent, 7 fraction bits), so it has float32's range and
 * NaN/Inf encodings, and subnormals need no special case. Arrays of bit patterns are `Uint16Array`.
 */

/**
 * float32 to bfloat16 bit patterns, to nearest, ties to even. Values that round beyond the largest finite bfloat16
 * become infinite; a NaN stays a (quiet) NaN of the same sign.
 */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    bits[i] =
      (word & 0x7fffffff) > 0x7f800000
        ? // Truncating a NaN could leave an infinity: set the quiet bit.
          (word >>> 16) | 0x40
        : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** bfloat16 bit patterns to float32; exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}

const oneFloat = new Float32Array(1);
const oneWord = new Uint32Array(oneFloat.buffer);

/** The bfloat16 nearest to a number's float32, as a number; the rule of {@link float32ToBfloat16}. */
export function roundToBfloat16(value: number): number {
  oneFloat[0] = value;
  const word = oneWord[0];
  oneWord[0] =
    (word & 0x7fffffff) > 0x7f800000
      ? (word & 0xffff0000) | 0x400000
      : (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  return oneFloat[0];
}

/** Writes bfloat16 bit patterns as float32 into `values`, which is at least as long; exact. */
export function bfloat16Into(bits: Uint16Array, values: Float32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
}
