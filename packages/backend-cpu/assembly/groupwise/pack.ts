import { PAIR_CHANNELS, pairBytes, pairTableBytes, superblockStep, tableWord } from './panel-pairs';
import { CHANNELS, packLevel, SUPERBLOCK } from './planes';

/** The argument block of {@link packGroupwise}. */
@unmanaged
export class PackGroupwise {
  /** Levels + 2^(bits−1), packed densely from the least significant bit, rows of `wordsPerRow` words. */
  words: usize;
  wordsPerRow: i32;
  /** [pair][superblock][plane][row][2 panels]. */
  panels: usize;
  /** float32 [rows, groups], and where they go: [pair][group][16]. */
  scales: usize;
  scaleTables: usize;
  /** int32 [rows, groups], or 0, and where they go. */
  zeros: usize;
  zeroTables: usize;
  rows: i32;
  k: i32;
  bits: i32;
  groups: i32;
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

/** Packs a weight of 2 to 8 bits with its scales and zero points. Units: pairs of panels. */
export function packGroupwise(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const p = changetype<PackGroupwise>(args),
    step = superblockStep(p.bits),
    pair = pairBytes(p.k, p.bits),
    table = pairTableBytes(p.groups),
    middle = 1 << (p.bits - 1);
  for (let unit = begin; unit < end; unit++) {
    const panels = p.panels + <usize>unit * pair,
      scales = p.scaleTables + <usize>unit * table,
      zeros = p.zeroTables + <usize>unit * table,
      n0 = unit * PAIR_CHANNELS,
      channels = min(PAIR_CHANNELS, p.rows - n0);
    memory.fill(panels, 0, pair);
    memory.fill(scales, 0, table);
    if (p.zeros) memory.fill(zeros, 0, table);
    for (let n = 0; n < channels; n++) {
      const row = p.words + ((<usize>(n0 + n) * <usize>p.wordsPerRow) << 2),
        panel = panels + (<usize>(n / CHANNELS) << 5),
        at = (<usize>(n0 + n) * <usize>p.groups) << 2;
      for (let k = 0; k < p.k; k++)
        packLevel(panel + <usize>(k / SUPERBLOCK) * step, p.bits, n % CHANNELS, k % SUPERBLOCK, denseLevel(row, k, p.bits));
      for (let group = 0; group < p.groups; group++) {
        const word = <usize>group << 2;
        store<f32>(tableWord(scales, n, group), load<f32>(p.scales + at + word));
        if (p.zeros) {
          // With what stored levels are shifted by, which leaves it below 256; see zeroPoints.
          const zero = load<i32>(p.zeros + at + word) + middle;
          store<i32>(tableWord(zeros, n, group), zero | (zero << 16));
        }
      }
    }
  }
}
