import { EDGE_BYTES, finishBlock } from '../gemm/driver-f32';
import { packRows } from '../gemm/pack-f32';
import { row16, rowBytes, rowNibbles, rowPlanes } from './block-row';
import { rows2Planes, rows4Bytes, rows4Of16 } from './block-rows4';
import { rows4Wide, rowWide } from './block-wide';
import { fillTables, pairZeros, tableBytes } from './group-tables';
import { CHANNELS, SUPERBLOCK, superblockBytes, UNPACKED_BYTES, unpackHalves, unpackSuperblock } from './planes';
import { BLOCK_PARAMS_BYTES, levelBytes, TILE_ROWS } from './quantize-blocks';

/** The argument block of {@link gemmBlocks}. */
@unmanaged
export class GemmBlocks {
  /** Levels and params as quantizeBlocks writes them. */
  levels: usize;
  params: usize;
  panels: usize;
  /** float32 [n, groups]. */
  scales: usize;
  /** int32 [n, groups], or 0. */
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
 * Int8 activations in blocks of 32 times a weight of 2 to 8 bits. Units: row blocks × panels of eight channels.
 * Scratch: a tile, the panel's tables (three per group), the panel as bytes or in two planes.
 */
export function gemmBlocks(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<GemmBlocks>(args),
    panels = (g.n + CHANNELS - 1) / CHANNELS,
    groups = g.k / g.groupSize,
    blocks = (g.k + SUPERBLOCK - 1) / SUPERBLOCK,
    blocksPerGroup = (g.groupSize + SUPERBLOCK - 1) / SUPERBLOCK,
    packedBytes = <usize>blocks * superblockBytes(g.bits),
    rowLevels = <usize>(blocks * SUPERBLOCK) * levelBytes(),
    rowParams = <usize>blocks * BLOCK_PARAMS_BYTES,
    whole = g.m - (g.m % TILE_ROWS),
    symmetric = g.zeros == 0,
    pairs = ASC_FEATURE_RELAXED_SIMD && !g.wide,
    inPlanes = pairs && g.bits > 4,
    tables = scratch + EDGE_BYTES,
    half = <usize>groups << 5,
    zeros = tables + half,
    bytes = tables + tableBytes(groups) + half;
  for (let unit = begin; unit < end; unit++) {
    const panel = unit % panels,
      n0 = panel * CHANNELS,
      channels = min(CHANNELS, g.n - n0),
      at = (<usize>n0 * <usize>groups) << 2,
      m0 = (unit / panels) * g.rowsPerUnit,
      m1 = min(m0 + g.rowsPerUnit, g.m),
      inside = channels == CHANNELS,
      ldc = inside ? <usize>g.n << 2 : 32,
      packed = g.panels + <usize>panel * packedBytes,
      direct = ASC_FEATURE_RELAXED_SIMD && g.bits == 4 && m0 >= whole;
    if (symmetric) packRows(g.scales + at, <usize>groups << 2, channels, groups, tables);
    else {
      fillTables(g.scales + at, g.zeros + at, groups, channels, 1 << (g.bits - 1), tables);
      if (pairs) pairZeros(zeros, groups, inPlanes);
    }
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
          rows4Of16(a, params, rowParams, bytes, tables, zeros, symmetric, blocks, blocksPerGroup, c, ldc);
        else if (g.wide)
          rows4Wide(symmetric, a, params, rowParams, bytes, tables, zeros, blocks, blocksPerGroup, c, ldc);
        else if (inPlanes) {
          rows2Planes(a, params, rowParams, bytes, tables, zeros, half, symmetric, blocks, blocksPerGroup, c, ldc);
          rows2Planes(
            a + 8, params + (rowParams << 1), rowParams, bytes, tables, zeros, half, symmetric, blocks, blocksPerGroup,
            c + (ldc << 1), ldc,
          );
        } else rows4Bytes(a, params, rowParams, bytes, tables, zeros, symmetric, blocks, blocksPerGroup, c, ldc);
      } else if (!ASC_FEATURE_RELAXED_SIMD)
        row16(a, params, bytes, tables, zeros, symmetric, blocks, blocksPerGroup, c);
      else if (g.wide)
        rowWide(direct, symmetric, a, params, direct ? packed : bytes, tables, zeros, blocks, blocksPerGroup, c);
      else if (direct) rowNibbles(a, params, packed, tables, zeros, symmetric, blocks, blocksPerGroup, c);
      else if (inPlanes) rowPlanes(a, params, bytes, tables, zeros, half, symmetric, blocks, blocksPerGroup, c);
      else rowBytes(a, params, bytes, tables, zeros, symmetric, blocks, blocksPerGroup, c);
      finishBlock(c, ldc, count, channels, g.bias ? g.bias + (<usize>n0 << 2) : 0, -Infinity, Infinity);
      if (!inside)
        for (let i = 0; i < count; i++)
          memory.copy(target + <usize>i * (<usize>g.n << 2), c + <usize>i * ldc, <usize>channels << 2);
      m += count;
    }
  }
}
