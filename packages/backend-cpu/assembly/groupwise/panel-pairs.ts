import { CHANNELS, SUPERBLOCK, superblockBytes } from './planes';

/**
 * Panels of eight channels lie in pairs: the 32 bytes of one row of the first, those of the second, and so on; scales and
 * zero points likewise, group by group. A product of one row reads a pair from end to end, which is how processors
 * fetch ahead. A second panel that the matrix lacks is zeros.
 */
export const PAIR_CHANNELS: i32 = 2 * CHANNELS;

/** Bytes of a pair's superblock: from one of a panel to the next. */
// @ts-ignore: decorator
@inline
export function superblockStep(bits: i32): usize {
  return superblockBytes(bits) << 1;
}

/** Bytes of a pair's levels. */
// @ts-ignore: decorator
@inline
export function pairBytes(k: i32, bits: i32): usize {
  return <usize>((k + SUPERBLOCK - 1) / SUPERBLOCK) * superblockStep(bits);
}

/** The first superblock of a panel. */
// @ts-ignore: decorator
@inline
export function panelAt(panels: usize, panel: i32, k: i32, bits: i32): usize {
  return panels + <usize>(panel >> 1) * pairBytes(k, bits) + (<usize>(panel & 1) << 5);
}

/** Bytes from one group of a panel's scales or zero points to the next; the other panel's eight words lie between. */
export const GROUP_STEP: usize = 64;

/** Bytes of a pair's scales, or of its zero points. */
// @ts-ignore: decorator
@inline
export function pairTableBytes(groups: i32): usize {
  return <usize>groups * GROUP_STEP;
}

/** The scales or the zero points of a panel's first group. */
// @ts-ignore: decorator
@inline
export function tableAt(tables: usize, panel: i32, groups: i32): usize {
  return tables + <usize>(panel >> 1) * pairTableBytes(groups) + (<usize>(panel & 1) << 5);
}

/** Where the word of one channel of a pair lies in a table. */
// @ts-ignore: decorator
@inline
export function tableWord(table: usize, channel: i32, group: i32): usize {
  return table + <usize>group * GROUP_STEP + (<usize>channel << 2);
}

/** Four zero points as numbers of 32 bits: tables hold each of them twice, as a pair of 16 bits. */
// @ts-ignore: decorator
@inline
export function zeroPoints(pairs: usize): v128 {
  return i32x4.shr_u(v128.load(pairs), 16);
}
