import { packColumns, packColumns4, packRows } from './pack-f32';
import { PANEL, tile1, tile1x4, tile4 } from './tile-f32';

/** Columns of one unit of work: four panels, which share each row of the left matrix while it is in cache. */
export const BLOCK_N: i32 = 32;
/** Steps of k between two passes over the sums: one packed block (64 KiB) stays in the second-level cache. */
export const BLOCK_K: i32 = 512;
/** Bytes of scratch for a block of panels. */
export const PANELS_BYTES: usize = (<usize>BLOCK_N * <usize>BLOCK_K) << 2;
/** Bytes of scratch for a tile that hangs over the edge. */
export const EDGE_BYTES: usize = 4 * PANEL * 4;

/**
 * Adds x[rows, k] · panels over one block of k to c. `panels` holds ceil(columns / 8) packed panels of
 * `panelBytes` each; `edge` is room for one tile.
 */
export function multiplyPanels(
  a: usize, lda: usize, rows: i32, panels: usize, panelBytes: usize, columns: i32, k: i32,
  c: usize, ldc: usize, first: bool, edge: usize,
): void {
  let m = 0;
  for (; m + 4 <= rows; m += 4) {
    let b = panels,
      n = 0;
    for (; n + PANEL <= columns; n += PANEL) {
      tile4(a, lda, b, k, c + (<usize>n << 2), ldc, first);
      b += panelBytes;
    }
    if (n < columns) {
      const bytes = <usize>(columns - n) << 2,
        target = c + (<usize>n << 2);
      if (!first) for (let i = 0; i < 4; i++) memory.copy(edge + (<usize>i << 5), target + <usize>i * ldc, bytes);
      tile4(a, lda, b, k, edge, 32, first);
      for (let i = 0; i < 4; i++) memory.copy(target + <usize>i * ldc, edge + (<usize>i << 5), bytes);
    }
    a += lda << 2;
    c += ldc << 2;
  }
  for (; m < rows; m++) {
    let b = panels,
      n = 0;
    if (columns == BLOCK_N) {
      tile1x4(a, b, panelBytes, k, c, first);
      n = BLOCK_N;
    }
    for (; n + PANEL <= columns; n += PANEL) {
      tile1(a, b, k, c + (<usize>n << 2), first);
      b += panelBytes;
    }
    if (n < columns) {
      const bytes = <usize>(columns - n) << 2,
        target = c + (<usize>n << 2);
      if (!first) memory.copy(edge, target, bytes);
      tile1(a, b, k, edge, first);
      memory.copy(target, edge, bytes);
    }
    a += lda;
    c += ldc;
  }
}

/** Adds bias[columns] (when not 0) to a block and clamps it to [low, high]. */
export function finishBlock(c: usize, ldc: usize, rows: i32, columns: i32, bias: usize, low: f32, high: f32): void {
  const clamped = low > -Infinity || high < Infinity;
  if (!bias && !clamped) return;
  const lows = f32x4.splat(low),
    highs = f32x4.splat(high);
  for (let m = 0; m < rows; m++) {
    let n = 0;
    for (; n + 4 <= columns; n += 4) {
      const at = c + (<usize>n << 2);
      let v = v128.load(at);
      if (bias) v = f32x4.add(v, v128.load(bias + (<usize>n << 2)));
      if (clamped) v = f32x4.min(f32x4.max(v, lows), highs);
      v128.store(at, v);
    }
    for (; n < columns; n++) {
      const at = c + (<usize>n << 2);
      let v = load<f32>(at);
      if (bias) v += load<f32>(bias + (<usize>n << 2));
      if (clamped) v = min(max(v, low), high);
      store<f32>(at, v);
    }
    c += ldc;
  }
}

/** The argument block of {@link gemmF32}, in the order in which it is written. Strides in floats. */
@unmanaged
export class GemmF32 {
  a: usize;
  b: usize;
  c: usize;
  /** Bias of n floats, or 0. */
  bias: usize;
  m: i32;
  n: i32;
  k: i32;
  /** Floats between two matrices of a batch; 0 where one matrix serves all. */
  batchA: i32;
  batchB: i32;
  /** b is stored [n][k] rather than [k][n]. */
  transposedB: i32;
  /** Rows of one unit of work, and how many such blocks there are. */
  rowsPerUnit: i32;
  rowBlocks: i32;
  low: f32;
  high: f32;
}

/** Units: batch × row blocks × column blocks. */
export function gemmF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<GemmF32>(args),
    columnBlocks = (g.n + BLOCK_N - 1) / BLOCK_N,
    edge = scratch + PANELS_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const columnBlock = unit % columnBlocks,
      rest = unit / columnBlocks,
      m0 = (rest % g.rowBlocks) * g.rowsPerUnit,
      batch = <usize>(rest / g.rowBlocks),
      n0 = columnBlock * BLOCK_N,
      columns = min(BLOCK_N, g.n - n0),
      rows = min(g.rowsPerUnit, g.m - m0),
      ldc = <usize>g.n << 2,
      lda = <usize>g.k << 2;
    const a = g.a + ((batch * <usize>g.batchA) << 2) + <usize>m0 * lda,
      b = g.b + ((batch * <usize>g.batchB) << 2),
      c = g.c + ((batch * <usize>g.m + <usize>m0) * <usize>g.n + <usize>n0 << 2);
    for (let k0 = 0; k0 < g.k; k0 += BLOCK_K) {
      const k = min(BLOCK_K, g.k - k0),
        panelBytes = <usize>k << 5;
      if (g.transposedB) {
        const rows = b + ((<usize>n0 * <usize>g.k + <usize>k0) << 2),
          ldb = <usize>g.k << 2;
        for (let n = 0; n < columns; n += PANEL)
          packRows(rows + <usize>n * ldb, ldb, min(PANEL, columns - n), k, scratch + <usize>(n / PANEL) * panelBytes);
      } else {
        const top = b + ((<usize>k0 * <usize>g.n + <usize>n0) << 2),
          ldb = <usize>g.n << 2;
        if (columns == BLOCK_N) packColumns4(top, ldb, k, scratch);
        else
          for (let n = 0; n < columns; n += PANEL)
            packColumns(top + (<usize>n << 2), ldb, min(PANEL, columns - n), k, scratch + <usize>(n / PANEL) * panelBytes);
      }
      multiplyPanels(a + (<usize>k0 << 2), lda, rows, scratch, panelBytes, columns, k, c, ldc, k0 == 0, edge);
    }
    finishBlock(c, ldc, rows, columns, g.bias ? g.bias + (<usize>n0 << 2) : 0, g.low, g.high);
  }
}
