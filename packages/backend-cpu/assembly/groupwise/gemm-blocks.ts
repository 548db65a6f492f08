import { EDGE_BYTES, finishBlock } from '../gemm/driver-f32';
import { row16, rowBytes, rowPlanes } from './block-row';
import { rowNibbles } from './block-row-pair';
import { rows2Planes, rows4Bytes, rows4Of16 } from './block-rows4';
import { rows4Wide, rowWide } from './block-wide';
import { PAIR_CHANNELS, panelAt, tableAt } from './panel-pairs';
import { CHANNELS, SUPERBLOCK, UNPACKED_BYTES, unpackHalves, unpackSuperblock } from './planes';
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

/**
 * Int8 activations in blocks of 32 times a weight of 2 to 8 bits. Units: row blocks × pairs of panels.
 * Scratch: a tile, a panel as bytes or in two planes.
 */
export function gemmBlocks(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<GemmBlocks>(args),
    pairs = (g.n + PAIR_CHANNELS - 1) / PAIR_CHANNELS,
    whole = g.m - (g.m % TILE_ROWS);
  for (let unit = begin; unit < end; unit++) {
    const panel = (unit % pairs) << 1,
      m0 = (unit / pairs) * g.rowsPerUnit,
      m1 = min(m0 + g.rowsPerUnit, g.m);
    if (ASC_FEATURE_RELAXED_SIMD && g.bits == 4 && !g.wide && m0 >= whole) pairOfPanels(g, panel, m0, m1, scratch);
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
  if (c != target)
    for (let i = 0; i < rows; i++)
      memory.copy(target + <usize>i * (<usize>g.n << 2), c + <usize>i * ldc, <usize>channels << 2);
}

/** Rows [m0, m1), none of them in a tile, times a pair of panels of 4 bits. */
function pairOfPanels(g: GemmBlocks, panel: i32, m0: i32, m1: i32, scratch: usize): void {
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
      else if (inPlanes) {
        rows2Planes(a, params, rowParams, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c, ldc);
        rows2Planes(
          a + 8, params + (rowParams << 1), rowParams, bytes, scales, zeros, symmetric, blocks, blocksPerGroup,
          c + (ldc << 1), ldc,
        );
      } else rows4Bytes(a, params, rowParams, bytes, scales, zeros, symmetric, blocks, blocksPerGroup, c, ldc);
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
