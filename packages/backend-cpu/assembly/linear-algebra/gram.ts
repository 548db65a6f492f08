import { multiplyColumnBlock } from './column-block';

/** Rows of the result that are mirrored together: a cache line of the row that they become. */
const MIRRORED_ROWS: i32 = 16;

/** The argument block of {@link gram}. */
@unmanaged
export class Gram {
  /** float32 [m, n]. */
  x: usize;
  /** x with its dimensions exchanged, [n, m]. */
  transposed: usize;
  /** float32 [n, n]. */
  out: usize;
  m: i32;
  n: i32;
  /** Columns of one unit, at most `WIDE_N`. */
  columnsPerUnit: i32;
}

/**
 * out = xᵀ · x. Units: blocks of columns, of which the part on and above the diagonal is computed and mirrored, so
 * the result is symmetric to the bit. The last block has the most rows and comes first: threads end together.
 */
export function gram(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<Gram>(args),
    blocks = (g.n + g.columnsPerUnit - 1) / g.columnsPerUnit,
    row = <usize>g.n << 2,
    depth = <usize>g.m << 2;
  for (let unit = begin; unit < end; unit++) {
    const n0 = (blocks - 1 - unit) * g.columnsPerUnit,
      columns = min(g.columnsPerUnit, g.n - n0),
      c = g.out + (<usize>n0 << 2);
    multiplyColumnBlock(
      g.transposed, depth, n0 + columns, g.x + (<usize>n0 << 2), row, false, columns, g.m, c, row, true, scratch,
    );
    for (let i0 = 0; i0 < n0 + columns; i0 += MIRRORED_ROWS) {
      for (let j = 0; j < columns; j++) {
        const mirrored = g.out + <usize>(n0 + j) * row,
          last = min(i0 + MIRRORED_ROWS, n0 + j);
        for (let i = i0; i < last; i++)
          store<f32>(mirrored + (<usize>i << 2), load<f32>(c + <usize>i * row + (<usize>j << 2)));
      }
    }
  }
}
