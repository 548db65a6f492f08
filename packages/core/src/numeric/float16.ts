/**
 * IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits). Arrays of bit patterns are `Uint16Array`, because
 * `Float16Array` does not exist on every platform we run on.
 */

/**
 * float32 to float16 bit patterns, to nearest, ties to even. From 65520 on the result is infinite; below 2^-14
 * it is subnormal, down to 2^-24; a NaN stays a (quiet) NaN of the same sign.
 */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) bits[i] = halfBits(words[i]);
  return bits;
}

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // 65520 is halfway between the largest finite value, 65504, and 65536; the tie goes to the even 65536.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by 127 - 15, round the 13 bits that go. A carry moves into the exponent, rightly.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // At most half of 2^-24, the smallest subnormal: zero (the tie goes to the even 0).
  if (magnitude <= 0x33000000) return sign;
  // Subnormal: the mantissa with its hidden bit, in units of 2^-24.
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const drop = 126 - (magnitude >>> 23);
  const kept = mantissa >>> drop;
  const rest = mantissa & ((1 << drop) - 1);
  const half = 1 << (drop - 1);
  return sign | (rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept);
}

/** float16 bit patterns to float32; exact. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = singleBits(bits[i]);
  return new Float32Array(words.buffer);
}

function singleBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal, fraction · 2^-24: float32 has it as a normal number.
  const lead = 31 - Math.clz32(fraction);
  return sign | ((lead + 103) << 23) | ((fraction << (23 - lead)) & 0x7fffff);
}

const oneFloat = new Float32Array(1);
const oneWord = new Uint32Array(oneFloat.buffer);

/** The float16 nearest to a number's float32, as a number; the rule of {@link float32ToFloat16}. */
export function roundToFloat16(value: number): number {
  oneFloat[0] = value;
  oneWord[0] = singleBits(halfBits(oneWord[0]));
  return oneFloat[0];
}
