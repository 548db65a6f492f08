import { CHANNELS, packLevel, SUPERBLOCK, superblockBytes } from './planes';

/** The argument block of {@link packGroupwise}. */
@unmanaged
export class PackGroupwise {
  /** Levels + 2^(bits−1), packed densely from the least significant bit, rows of `wordsPerRow` words. */
  words: usize;
  wordsPerRow: i32;
  /** [panel][superblock][planes]. */
  panels: usize;
  rows: i32;
  k: i32;
  bits: i32;
}

/** The level at `column` of a dense row. */
// @ts-ignore: decorator
@inline
export function denseLevel(row: usize, column: i32, bits: i32): i32 {
  const bit = column * bits,
    at = row + (<usize>(bit >> 5) << 2),
    shift = bit & 31;
  let value = load<u32>(at) >> shift;
  if (shift + bits > 32) value |= load<u32>(at, 4) << (32 - shift);
  return <i32>(value & ((1 << bits) - 1));
}

/** Packs a weight of 2 to 8 bits. Units: panels of eight channels. */
export function packGroupwise(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const p = changetype<PackGroupwise>(args),
    block = superblockBytes(p.bits),
    bytes = <usize>((p.k + SUPERBLOCK - 1) / SUPERBLOCK) * block;
  for (let unit = begin; unit < end; unit++) {
    const panel = p.panels + <usize>unit * bytes,
      n0 = unit * CHANNELS,
      channels = min(CHANNELS, p.rows - n0);
    memory.fill(panel, 0, bytes);
    for (let n = 0; n < channels; n++) {
      const row = p.words + ((<usize>(n0 + n) * <usize>p.wordsPerRow) << 2);
      for (let k = 0; k < p.k; k++)
        packLevel(panel + <usize>(k / SUPERBLOCK) * block, p.bits, n, k % SUPERBLOCK, denseLevel(row, k, p.bits));
    }
  }
}
