import { packRows } from '../gemm/pack-f32';

/** Bytes of the two tables of a panel with this many groups. */
// @ts-ignore: decorator
@inline
export function tableBytes(groups: i32): usize {
  return <usize>groups << 6;
}

/**
 * Lays out the scales and zero points of `channels` rows as [group][8], first all scales, then all zero points plus
 * `middle` (what stored levels are shifted by). `scales` and `zeros` (0: symmetric) point at the first row of
 * [rows, groups].
 */
export function fillTables(scales: usize, zeros: usize, groups: i32, channels: i32, middle: i32, out: usize): void {
  const row = <usize>groups << 2,
    half = <usize>groups << 5,
    middles = i32x4.splat(middle);
  packRows(scales, row, channels, groups, out);
  // 32-bit words are moved as they are, so the same code serves integers.
  if (zeros) packRows(zeros, row, channels, groups, out + half);
  for (let i = half; i < half << 1; i += 16)
    v128.store(out + i, zeros ? i32x4.add(v128.load(out + i), middles) : middles);
}

/**
 * Turns a table of zero points below 256 into pairs of 16 bits. With `halves` the lower four bits, and the upper four in a
 * second table after it.
 */
export function pairZeros(zeros: usize, groups: i32, halves: bool): void {
  const bytes = <usize>groups << 5,
    low = i32x4.splat(15);
  for (let i = zeros, end = zeros + bytes; i < end; i += 16) {
    const zero = v128.load(i);
    if (halves) {
      const upper = i32x4.shr_u(zero, 4),
        lower = v128.and(zero, low);
      v128.store(i, v128.or(lower, i32x4.shl(lower, 16)));
      v128.store(i + bytes, v128.or(upper, i32x4.shl(upper, 16)));
    } else v128.store(i, v128.or(zero, i32x4.shl(zero, 16)));
  }
}
