import { BLOCK_K, BLOCK_N, EDGE_BYTES, finishBlock, multiplyPanels, PANELS_BYTES } from '../gemm/driver-f32';
import { dequantizePanel } from './dequantize';
import { panelAt, tableAt } from './panel-pairs';
import { CHANNELS, UNPACKED_BYTES } from './planes';

/** The argument block of {@link gemmGroupwise}. */
@unmanaged
export class GemmGroupwise {
  /** float32 [m, k]. */
  x: usize;
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
  groupSize: i32;
  rowsPerUnit: i32;
  rowBlocks: i32;
}

/**
 * x times a weight of 2 to 8 bits: each block of 32 channels and 512 steps is dequantized once into scratch, then
 * multiplied as floats. Units: row blocks × blocks of 32 channels. Scratch: a block of panels, a tile, an unpacked
 * superblock.
 */
export function gemmGroupwise(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<GemmGroupwise>(args),
    columnBlocks = (g.n + BLOCK_N - 1) / BLOCK_N,
    groups = g.k / g.groupSize,
    edge = scratch + PANELS_BYTES,
    unpacked = edge + EDGE_BYTES,
    lda = <usize>g.k << 2,
    ldc = <usize>g.n << 2;
  for (let unit = begin; unit < end; unit++) {
    const n0 = (unit % columnBlocks) * BLOCK_N,
      columns = min(BLOCK_N, g.n - n0),
      m0 = (unit / columnBlocks) * g.rowsPerUnit,
      rows = min(g.rowsPerUnit, g.m - m0),
      x = g.x + <usize>m0 * lda,
      c = g.out + ((<usize>m0 * <usize>g.n + <usize>n0) << 2);
    for (let k0 = 0; k0 < g.k; k0 += BLOCK_K) {
      const k = min(BLOCK_K, g.k - k0),
        panelBytes = <usize>k << 5;
      for (let n = 0; n < columns; n += CHANNELS) {
        const panel = (n0 + n) / CHANNELS;
        dequantizePanel(
          panelAt(g.panels, panel, g.k, g.bits), g.bits, g.groupSize, tableAt(g.scales, panel, groups),
          g.zeros ? tableAt(g.zeros, panel, groups) : 0, k0, k, scratch + <usize>(n / CHANNELS) * panelBytes, unpacked,
        );
      }
      multiplyPanels(x + (<usize>k0 << 2), lda, rows, scratch, panelBytes, columns, k, c, ldc, k0 == 0, edge);
    }
    finishBlock(c, ldc, rows, columns, g.bias ? g.bias + (<usize>n0 << 2) : 0, -Infinity, Infinity);
  }
}
