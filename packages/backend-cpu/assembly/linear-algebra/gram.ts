import { BLOCK_N } from '../gemm/driver-f32';
import { multiplyColumnBlock } from './column-block';

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
}

/**
 * out = xᵀ · x. Units: blocks of 32 columns, of which the part on and above the diagonal is computed and mirrored, so
 * the result is symmetric to the bit. The last block has the most rows and comes first: threads end together.
 */
export function gram(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<Gram>(args),
    blocks = (g.n + BLOCK_N - 1) / BLOCK_N,
    row = <usize>g.n << 2,
    depth = <usize>g.m << 2;
  for (let unit = begin; unit < end; unit++) {
    const n0 = (blocks - 1 - unit) * BLOCK_N,
      columns = min(BLOCK_N, g.n - n0),
      c = g.out + (<usize>n0 << 2);
    multiplyColumnBlock(
      g.transposed, depth, n0 + columns, g.x + (<usize>n0 << 2), row, false, columns, g.m, c, row, true, scratch,
    );
    for (let j = 0; j < columns; j++) {
      const mirrored = g.out + <usize>(n0 + j) * row;
      for (let i = 0; i < n0 + j; i++)
        store<f32>(mirrored + (<usize>i << 2), load<f32>(c + <usize>i * row + (<usize>j << 2)));
    }
  }
}
