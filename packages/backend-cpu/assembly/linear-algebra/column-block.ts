import { BLOCK_K, BLOCK_N, multiplyPanels, PANELS_BYTES } from '../gemm/driver-f32';
import { packColumns, packColumns4, packRows } from '../gemm/pack-f32';
import { PANEL } from '../gemm/tile-f32';

/**
 * c [rows, columns] = a [rows, k] · b, or + a · b unless `first`, for at most {@link BLOCK_N} columns. b is stored
 * [k][column], or [column][k] when `transposed`. Strides in bytes. Every element is summed over k in ascending order,
 * so the result does not depend on how rows are split.
 */
export function multiplyColumnBlock(
  a: usize, lda: usize, rows: i32, b: usize, ldb: usize, transposed: bool, columns: i32, k: i32,
  c: usize, ldc: usize, first: bool, scratch: usize,
): void {
  for (let k0 = 0; k0 < k; k0 += BLOCK_K) {
    const depth = min(BLOCK_K, k - k0),
      panelBytes = <usize>depth << 5;
    if (transposed) {
      const top = b + (<usize>k0 << 2);
      for (let n = 0; n < columns; n += PANEL)
        packRows(top + <usize>n * ldb, ldb, min(PANEL, columns - n), depth, scratch + <usize>(n / PANEL) * panelBytes);
    } else {
      const top = b + <usize>k0 * ldb;
      if (columns == BLOCK_N) packColumns4(top, ldb, depth, scratch);
      else
        for (let n = 0; n < columns; n += PANEL)
          packColumns(top + (<usize>n << 2), ldb, min(PANEL, columns - n), depth, scratch + <usize>(n / PANEL) * panelBytes);
    }
    multiplyPanels(
      a + (<usize>k0 << 2), lda, rows, scratch, panelBytes, columns, depth, c, ldc, first && k0 == 0, scratch + PANELS_BYTES,
    );
  }
}
