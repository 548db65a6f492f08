// Binaryen copies a v128.const into the loop, where engines build it anew at every turn: constants are loaded.

const ONES: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
const NIBBLES: usize = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);
/** 1.5 · 2^23: adding it to a float32 below 2^22 leaves the nearest integer, ties to even, in the low bits. */
export const MAGIC: f32 = 12582912.0;
const MAGICS: usize = memory.data<f32>([MAGIC, MAGIC, MAGIC, MAGIC], 16);

/** One in each lane of 16 bits. */
// @ts-ignore: decorator
@inline
export function vectorOfOnes(): v128 {
  return v128.load(ONES);
}

/** 0x0f in each byte. */
// @ts-ignore: decorator
@inline
export function nibbleMask(): v128 {
  return v128.load(NIBBLES);
}

/** {@link MAGIC} in each lane. */
// @ts-ignore: decorator
@inline
export function vectorOfMagic(): v128 {
  return v128.load(MAGICS);
}
