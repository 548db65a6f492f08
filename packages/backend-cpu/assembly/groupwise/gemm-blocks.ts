import { EDGE_BYTES, finishBlock } from '../gemm/driver-f32';
import { row16, rowBytes, rowPlanes } from './block-row';
import { rowNibbles } from './block-row-pair';
import { rows2Pair } from './block-rows2-pair';
import { rows2Planes, rows4Of16 } from './block-rows4';
import { rows4Wide, rowWide } from './block-wide';
import { GROUP_STEP, PAIR_CHANNELS, panelAt, superblockStep, tableAt } from './panel-pairs';
import { CHANNELS, SUPERBLOCK, UNPACKED_BYTES, unpackHalves, unpackPair, unpackSuperblock } from './planes';
import { BLOCK_PARAMS_BYTES, levelBytes, TILE_ROWS } from './quantize-blocks';

/** The argument block of {@link gemmBlocks}. */
@unmanaged
export class GemmBlocks {
  /** Levels and params as quantizeBlocks writes them. */
  levels: usize;
  params: usize;
  panels: usize;
  /** As packGroupwise laid them out; no zero points: 0. */
  scales: usize;
  zeros: usize;
  /** float32 [n], or 0. */
  bias: usize;
  out: usize;
  m: i32;
  n: i32;
  k: i32;
  bits: i32;
  /** A multiple of 32, or k. */
  groupSize: i32;
  rowsPerUnit: i32;
  rowBlocks: i32;
  /** The 32-bit relaxed dot product is one instruction here, and exact for all bytes. */
  wide: i32;
}

/** Superblocks of a pair that are unpacked at a time: with the activations of a tile they stay in the first-level cache. */
const PAIR_SUPERBLOCKS: i32 = 16;

/**
 * Int8 activations in blocks of 32 times a weight of 2 to 8 bits. Units: row blocks × pairs of panels.
 * Scratch: a tile, then a panel as bytes or in two planes, or PAIR_SUPERBLOCKS of a pair.
 */
export function gemmBlocks(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<GemmBlocks>(args),
    pairs = (g.n + PAIR_CHANNELS - 1) / PAIR_CHANNELS,
    whole = g.m - (g.m % TILE_ROWS);
  for (let unit = begin; unit < end; unit++) {
    const panel = (unit % pairs) << 1,
      m1 = min((unit / pairs + 1) * g.rowsPerUnit, g.m),
      narrow = ASC_FEATURE_RELAXED_SIMD && !g.wide && g.bits <= 4;
    let m0 = (unit / pairs) * g.rowsPerUnit;
    if (narrow && m0 < whole) {
      const tiles = min(m1, whole);
      tilesOfPair(g, panel, m0, tiles, scratch);
      m0 = tiles;
    }
    if (m0 == m1) continue;
    if (narrow && g.bits == 4) rowsOfPair(g, panel, m0, m1, scratch);
    else {
      onePanel(g, panel, m0, m1, scratch);
      if ((panel + 1) * CHANNELS < g.n) onePanel(g, panel + 1, m0, m1, scratch);
    }
  }
}

/** Adds the bias to rows of one or two panels and, where they were computed in `c` apart, copies the channels there are. */
// @ts-ignore: decorator
@inline
function finish(g: GemmBlocks, c: usize, ldc: usize, target: usize, rows: i32, n0: i32, channels: i32): void {
  finishBlock(c, ldc, rows, channels, g.bias ? g.bias + (<usize>n0 << 2) : 0, -Infinity, Infinity);
  if (c != target) copyRows(target, <usize>g.n << 2, c, ldc, rows, <usize>channels << 2);
}

/** Zeros in `width` bytes of each row, without memory.fill: engines call out for it, which costs more than a few vectors. */
function clearRows(c: usize, ldc: usize, rows: i32, width: usize): void {
  for (let i = 0; i < rows; i++) {
    let at = c;
    for (const end = c + (width & ~15); at < end; at += 16) v128.store(at, f32x4.splat(0));
    for (const end = c + width; at < end; at += 4) store<f32>(at, 0);
    c += ldc;
  }
}

// @ts-ignore: decorator
@inline
function copyRows(to: usize, toStep: usize, from: usize, fromStep: usize, rows: i32, bytes: usize): void {
  for (let i = 0; i < rows; i++) memory.copy(to + <usize>i * toStep, from + <usize>i * fromStep, bytes);
}

/** Rows [m0, m1), all of them in tiles, times a pair of panels of at most 4 bits. */
function tilesOfPair(g: GemmBlocks, panel: i32, m0: i32, m1: i32, scratch: usize): void {
  const groups = g.k / g.groupSize,
    blocks = (g.k + SUPERBLOCK - 1) / SUPERBLOCK,
    blocksPerGroup = (g.groupSize + SUPERBLOCK - 1) / SUPERBLOCK,
    rowLevels = <usize>(blocks * SUPERBLOCK),
    rowParams = <usize>blocks * BLOCK_PARAMS_BYTES,
    n0 = panel * CHANNELS,
    channels = min(PAIR_CHANNELS, g.n - n0),
    inside = channels == PAIR_CHANNELS,
    width = <usize>channels << 2,
    rowBytes = <usize>g.n << 2,
    ldc = inside ? rowBytes : EDGE_BYTES >> 1,
    packed = panelAt(g.panels, panel, g.k, g.bits),
    first = g.out + <usize>m0 * rowBytes + (<usize>n0 << 2),
    bytes = scratch + EDGE_BYTES;
  clearRows(first, rowBytes, m1 - m0, width);
  for (let block = 0; block < blocks; block += PAIR_SUPERBLOCKS) {
    const count = min(PAIR_SUPERBLOCKS, blocks - block),
      group = block / blocksPerGroup,
      left = (group + 1) * blocksPerGroup - block,
      tables = <usize>group * GROUP_STEP,
      scales = tableAt(g.scales, panel, groups) + tables,
      zeros = g.zeros ? tableAt(g.zeros, panel, groups) + tables : 0;
    unpackPair(packed + <usize>block * superblockStep(g.bits), g.bits, count, bytes);
    for (let m = m0; m < m1; m += 2) {
      const tile = m & ~(TILE_ROWS - 1),
        a = g.levels + <usize>tile * rowLevels + <usize>(block * SUPERBLOCK * TILE_ROWS) + (<usize>(m - tile) << 2),
        params = g.params + <usize>m * rowParams + <usize>block * BLOCK_PARAMS_BYTES,
        target = g.out + <usize>m * rowBytes + (<usize>n0 << 2),
        c = inside ? target : scratch;
      if (!inside) copyRows(c, ldc, target, rowBytes, 2, width);
      rows2Pair(a, params, rowParams, bytes, scales, zeros, g.zeros == 0, count, left, blocksPerGroup, c, ldc);
      if (!inside) copyRows(target, rowBytes, c, ldc, 2, width);
    }
  }
  finish(g, first, rowBytes, first, m1 - m0, n0, channels);
}

/** Rows [m0, m1), none of them in a tile, times a pair of panels of 4 bits. */
function rowsOfPair(g: GemmBlocks, panel: i32, m0: i32, m1: i32, scratch: usize): void {
  const groups = g.k / g.groupSize,
    blocks = (g.k + SUPERBLOCK - 1) / SUPERBLOCK,
    blocksPerGroup = (g.groupSize + SUPERBLOCK - 1) / SUPERBLOCK,
    n0 = panel * CHANNELS,
    channels = min(PAIR_CHANNELS, g.n - n0);
  for (let m = m0; m < m1; m++) {
    const target = g.out + ((<usize>m * <usize>g.n + <usize>n0) << 2),
      c = channels == PAIR_CHANNELS ? target : scratch;
    rowNibbles(
      g.levels + <usize>m * <usize>(blocks * SUPERBLOCK), g.params + <usize>m * <usize>blocks * BLOCK_PARAMS_BYTES,
      panelAt(g.panels, panel, g.k, g.bits), tableAt(g.scales, panel, groups),
      g.zeros ? tableAt(g.zeros, panel, groups) : 0, g.zeros == 0, blocks, blocksPerGroup, c,
    );
    finish(g, c, 0, target, 1, n0, channels);
  }
}

/** Rows [m0, m1) times one panel. */
function onePanel(g: GemmBlocks, panel: i32, m0: i32, m1: i32, scratch: usize): void {
  const groups = g.k / g.groupSize,
    blocks = (g.k + SUPERBLOCK - 1) / SUPERBLOCK,
    blocksPerGroup = (g.groupSize + SUPERBLOCK - 1) / SUPERBLOCK,
    rowLevels = <usize>(blocks * SUPERBLOCK) * levelBytes(),
    rowParams = <usize>blocks * BLOCK_PARAMS_BYTES,
    whole = g.m - (g.m % TILE_ROWS),
    n0 = panel * CHANNELS,
    channels = min(CHANNELS, g.n - n0),
    inside = channels == CHANNELS,
    ldc = inside ? <usize>g.n << 2 : 32,
    packed = panelAt(g.panels, panel, g.k, g.bits),
    scales = tableAt(g.scales, panel, groups),
    symmetric = g.zeros == 0,
    zeros = symmetric ? 0 : tableAt(g.zeros, panel, groups),
    // Unpacked on the way.
    direct = ASC_FEATURE_RELAXED_SIMD && g.wide != 0 && g.bits == 4 && m0 >= whole,
    inPlanes = ASC_FEATURE_RELAXED_SIMD && !g.wide && g.bits > 4,
    bytes = scratch + EDGE_BYTES;
  if (!direct) {
    let b = packed,
      out = bytes;
    for (let block = 0; block < blocks; block++) {
      if (inPlanes) {
        b = unpackHalves(b, g.bits, out);
        out += UNPACKED_BYTES << 1;
      } else {
        b = unpackSuperblock(b, g.bits, out);
        out += UNPACKED_BYTES;
      }
    }
  }
  let m = m0;
  while (m < m1) {
    const count = m < whole ? TILE_ROWS : 1,
      a = g.levels + <usize>m * rowLevels,
      params = g.params + <usize>m * rowParams,
      target = g.out + ((<usize>m * <usize>g.n + <usize>n0) << 2),
      c = inside ? target : scratch;
    if (count == TILE_ROWS) {
      if (!ASC_FEATURE_RELAXED_SIMD)
        rows4Of16(a, params, rowParams, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c, ldc);
      else if (g.wide)
        rows4Wide(symmetric, a, params, rowParams, bytes, scales, zeros, blocks, blocksPerGroup, c, ldc);
      else {
        // Levels in planes: narrower ones are tilesOfPair's.
        rows2Planes(a, params, rowParams, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c, ldc);
        rows2Planes(
          a + 8, params + (rowParams << 1), rowParams, bytes, scales, zeros, symmetric, blocks, blocksPerGroup,
          c + (ldc << 1), ldc,
        );
      }
    } else if (!ASC_FEATURE_RELAXED_SIMD)
      row16(a, params, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c);
    else if (g.wide)
      rowWide(direct, symmetric, a, params, direct ? packed : bytes, scales, zeros, blocks, blocksPerGroup, c);
    else if (inPlanes) rowPlanes(a, params, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c);
    else rowBytes(a, params, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c);
    finish(g, c, ldc, target, count, n0, channels);
    m += count;
  }
}
