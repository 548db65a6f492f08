/** The argument block of {@link transposeTask}: a batch of dense rows × columns float32 matrices. */
@unmanaged
export class Transpose {
  x: usize;
  out: usize;
  rows: i32;
  columns: i32;
}

/** Rows of `out` that are written together, so that each cache line of `x` is read once. */
const BLOCK: i32 = 16;

/** out[b][c][r] = x[b][r][c]. Units: batch × blocks of 16 rows of `out`. */
export function transposeTask(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<Transpose>(args),
    blocks = (t.columns + BLOCK - 1) / BLOCK,
    matrix = (<usize>t.rows * <usize>t.columns) << 2,
    stride = <usize>t.rows << 2;
  for (let unit = begin; unit < end; unit++) {
    const c0 = (unit % blocks) * BLOCK,
      width = min(BLOCK, t.columns - c0),
      base = <usize>(unit / blocks) * matrix;
    let row = t.x + base + (<usize>c0 << 2),
      column = t.out + base + <usize>c0 * stride;
    for (let r = 0; r < t.rows; r++) {
      let out = column;
      for (let i = 0; i < width; i++) {
        store<f32>(out, load<f32>(row + (<usize>i << 2)));
        out += stride;
      }
      row += <usize>t.columns << 2;
      column += 4;
    }
  }
}
