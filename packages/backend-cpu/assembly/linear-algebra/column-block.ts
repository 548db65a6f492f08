import { BLOCK_K, BLOCK_N, EDGE_BYTES, multiplyPanels, PANELS_BYTES } from '../gemm/driver-f32';
import { packColumns, packColumns4, packRows } from '../gemm/pack-f32';
import { PANEL } from '../gemm/tile-f32';

/**
 * Columns of the widest block. The left matrix is read once for each block, from far away where it is large: wider blocks
 * read it less often. One packed block of {@link BLOCK_K} steps (256 KiB) still fits into the second-level cache.
 */
export const WIDE_N: i32 = 128;
/** Bytes of scratch for the panels of a block. */
export const WIDE_PANELS_BYTES: usize = PANELS_BYTES * <usize>(WIDE_N / BLOCK_N);
/** Bytes of scratch for {@link multiplyColumnBlock}: panels and a tile. */
export const COLUMN_BLOCK_BYTES: usize = WIDE_PANELS_BYTES + EDGE_BYTES;

/** Packs k steps of some columns of a matrix stored [k][column] into panels. Stride in bytes. */
function packBlock(b: usize, ldb: usize, columns: i32, k: i32, panels: usize): void {
  const panelBytes = <usize>k << 5;
  let n = 0;
  for (; n + BLOCK_N <= columns; n += BLOCK_N)
    packColumns4(b + (<usize>n << 2), ldb, k, panels + <usize>(n / PANEL) * panelBytes);
  for (; n < columns; n += PANEL)
    packColumns(b + (<usize>n << 2), ldb, min(PANEL, columns - n), k, panels + <usize>(n / PANEL) * panelBytes);
}

/** Packs k steps of some columns of a matrix stored [column][k] into panels. Stride in bytes. */
export function packTransposedBlock(b: usize, ldb: usize, columns: i32, k: i32, panels: usize): void {
  const panelBytes = <usize>k << 5;
  for (let n = 0; n < columns; n += PANEL)
    packRows(b + <usize>n * ldb, ldb, min(PANEL, columns - n), k, panels + <usize>(n / PANEL) * panelBytes);
}

/**
 * c [rows, columns] = a [rows, k] · b, or + a · b unless `first`, for at most {@link WIDE_N} columns. b is stored
 * [k][column], or [column][k] when `transposed`. Strides in bytes. Every element is summed over k in ascending order,
 * so the result does not depend on how rows and columns are split.
 */
export function multiplyColumnBlock(
  a: usize, lda: usize, rows: i32, b: usize, ldb: usize, transposed: bool, columns: i32, k: i32,
  c: usize, ldc: usize, first: bool, scratch: usize,
): void {
  for (let k0 = 0; k0 < k; k0 += BLOCK_K) {
    const depth = min(BLOCK_K, k - k0);
    if (transposed) packTransposedBlock(b + (<usize>k0 << 2), ldb, columns, depth, scratch);
    else packBlock(b + <usize>k0 * ldb, ldb, columns, depth, scratch);
    multiplyPanels(
      a + (<usize>k0 << 2), lda, rows, scratch, <usize>depth << 5, columns, depth, c, ldc, first && k0 == 0,
      scratch + WIDE_PANELS_BYTES,
    );
  }
}
