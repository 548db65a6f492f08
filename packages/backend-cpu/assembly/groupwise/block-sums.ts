import { vectorOfOnes } from '../arithmetic/constant-vectors';

/**
 * What the tiles of int8-block products share.
 *
 * Each block's integer sum Σ a·(level − zero) is exact, then fround(sum) · fround(sx · sw) is added to the floats,
 * so every variant gives the same bits.
 *
 * Tiles read the tables of one panel of eight channels: `scales` float32 and `zeros` pairs of 16 bits, [group][8] each,
 * GROUP_STEP bytes apart (see panel-pairs.ts), a group being `blocksPerGroup` blocks of 32 steps. `zeros` is read for
 * asymmetric weights only: a symmetric weight's zero point is in the `start` of each block's params, which otherwise is
 * −Σa.
 */

const SIXTEENS: usize = memory.data<i16>([16, 16, 16, 16, 16, 16, 16, 16], 16);

/** acc + pairs of products, in 16 bits: levels of at most 4 bits and int8 activations, so that sums of 32 fit. */
// @ts-ignore: decorator
@inline
export function dot4(acc: v128, levels: v128, activations: v128): v128 {
  return i16x8.add(acc, i16x8.relaxed_dot_i8x16_i7x16_s(activations, levels));
}

/** Sums of pairs of 16-bit lanes. */
// @ts-ignore: decorator
@inline
export function pairs(acc: v128): v128 {
  return i32x4.dot_i16x8_s(acc, vectorOfOnes());
}

/** The same, sixteenfold: what the upper four bits of a level count. */
// @ts-ignore: decorator
@inline
export function pairsOfUpper(acc: v128): v128 {
  return i32x4.dot_i16x8_s(acc, v128.load(SIXTEENS));
}

/** Products of two channels × four k: see int8/tiles.ts. */
// @ts-ignore: decorator
@inline
export function dot16(acc: v128, levels: v128, activations: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(levels, activations));
}

// @ts-ignore: decorator
@inline
export function joined(low: v128, high: v128): v128 {
  return i32x4.add(i32x4.shuffle(low, high, 0, 2, 4, 6), i32x4.shuffle(low, high, 1, 3, 5, 7));
}

/** acc + sum · scale, each step rounded to float32. */
// @ts-ignore: decorator
@inline
export function addScaled(acc: v128, sum: v128, scale: v128): v128 {
  return f32x4.add(acc, f32x4.mul(f32x4.convert_i32x4_s(sum), scale));
}

// @ts-ignore: decorator
@inline
export function addScaledTo(c: usize, sum: v128, scale: v128): void {
  v128.store(c, addScaled(v128.load(c), sum, scale));
}

/** Zeros in one row of a panel's sums. */
// @ts-ignore: decorator
@inline
export function clear(c: usize): void {
  v128.store(c, f32x4.splat(0));
  v128.store(c, f32x4.splat(0), 16);
}

const LOWER: usize = memory.data<u32>([0x000f000f, 0x000f000f, 0x000f000f, 0x000f000f], 16);

/** Σ of activations times the lower four bits of zero points below 256: both are pairs of 16 bits. */
// @ts-ignore: decorator
@inline
export function lowerZeros(zeros: v128, sums: v128): v128 {
  return i16x8.mul(v128.and(zeros, v128.load(LOWER)), sums);
}

/** The same of their upper four bits. */
// @ts-ignore: decorator
@inline
export function upperZeros(zeros: v128, sums: v128): v128 {
  return i16x8.mul(i16x8.shr_u(zeros, 4), sums);
}
