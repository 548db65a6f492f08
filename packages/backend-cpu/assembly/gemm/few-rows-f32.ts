import { multiplyAdd, multiplyAddScalar } from '../arithmetic/fused';
import { BLOCK_N, finishBlock, GemmF32 } from './driver-f32';

// @ts-ignore: decorator
@inline
function sum(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2)) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3));
}

/** One row of a times `columns` rows of b, read where they lie: for few rows, packing would cost more than it saves. */
export function dotRows(a: usize, b: usize, ldb: usize, k: i32, columns: i32, c: usize): void {
  const bytes = <usize>k << 2,
    vectors = <usize>(k & ~3) << 2;
  let n = 0;
  for (; n + 4 <= columns; n += 4) {
    const b1 = b + ldb,
      b2 = b1 + ldb,
      b3 = b2 + ldb;
    let p = f32x4.splat(0),
      q = p,
      r = p,
      s = p;
    let i: usize = 0;
    for (; i < vectors; i += 16) {
      const x = v128.load(a + i);
      p = multiplyAdd(p, x, v128.load(b + i));
      q = multiplyAdd(q, x, v128.load(b1 + i));
      r = multiplyAdd(r, x, v128.load(b2 + i));
      s = multiplyAdd(s, x, v128.load(b3 + i));
    }
    let t0 = sum(p),
      t1 = sum(q),
      t2 = sum(r),
      t3 = sum(s);
    for (; i < bytes; i += 4) {
      const x = load<f32>(a + i);
      t0 = multiplyAddScalar(t0, x, load<f32>(b + i));
      t1 = multiplyAddScalar(t1, x, load<f32>(b1 + i));
      t2 = multiplyAddScalar(t2, x, load<f32>(b2 + i));
      t3 = multiplyAddScalar(t3, x, load<f32>(b3 + i));
    }
    store<f32>(c, t0);
    store<f32>(c, t1, 4);
    store<f32>(c, t2, 8);
    store<f32>(c, t3, 12);
    b += ldb << 2;
    c += 16;
  }
  for (; n < columns; n++) {
    let p = f32x4.splat(0);
    let i: usize = 0;
    for (; i < vectors; i += 16) p = multiplyAdd(p, v128.load(a + i), v128.load(b + i));
    let t = sum(p);
    for (; i < bytes; i += 4) t = multiplyAddScalar(t, load<f32>(a + i), load<f32>(b + i));
    store<f32>(c, t);
    b += ldb;
    c += 4;
  }
}

/**
 * One row of a times `columns` columns of b stored [k][n], k ascending. Rows of b are read as long as they are,
 * four at a time, and the sums wait in c: walking down columns would leave a page at every step.
 */
export function axpyColumns(a: usize, b: usize, ldb: usize, k: i32, columns: i32, c: usize): void {
  const bytes = <usize>columns << 2,
    vectors = <usize>(columns & ~3) << 2;
  memory.fill(c, 0, bytes);
  let i = 0;
  for (; i + 4 <= k; i += 4) {
    const x0 = v128.load_splat<u32>(a),
      x1 = v128.load_splat<u32>(a, 4),
      x2 = v128.load_splat<u32>(a, 8),
      x3 = v128.load_splat<u32>(a, 12),
      b1 = b + ldb,
      b2 = b1 + ldb,
      b3 = b2 + ldb;
    let n: usize = 0;
    for (; n < vectors; n += 16) {
      let v = multiplyAdd(v128.load(c + n), v128.load(b + n), x0);
      v = multiplyAdd(v, v128.load(b1 + n), x1);
      v = multiplyAdd(v, v128.load(b2 + n), x2);
      v128.store(c + n, multiplyAdd(v, v128.load(b3 + n), x3));
    }
    for (; n < bytes; n += 4) {
      let v = multiplyAddScalar(load<f32>(c + n), load<f32>(b + n), load<f32>(a));
      v = multiplyAddScalar(v, load<f32>(b1 + n), load<f32>(a, 4));
      v = multiplyAddScalar(v, load<f32>(b2 + n), load<f32>(a, 8));
      store<f32>(c + n, multiplyAddScalar(v, load<f32>(b3 + n), load<f32>(a, 12)));
    }
    a += 16;
    b = b3 + ldb;
  }
  for (; i < k; i++) {
    const x = v128.load_splat<u32>(a);
    let n: usize = 0;
    for (; n < vectors; n += 16) v128.store(c + n, multiplyAdd(v128.load(c + n), v128.load(b + n), x));
    for (; n < bytes; n += 4) store<f32>(c + n, multiplyAddScalar(load<f32>(c + n), load<f32>(b + n), load<f32>(a)));
    a += 4;
    b += ldb;
  }
}

/** The same job and units as gemmF32, for up to three rows. */
export function gemmFewRowsF32(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const g = changetype<GemmF32>(args),
    columnBlocks = (g.n + BLOCK_N - 1) / BLOCK_N;
  while (begin < end) {
    // As many neighbouring column blocks of one matrix as this chunk holds.
    const first = begin % columnBlocks,
      blocks = min(end - begin, columnBlocks - first),
      n0 = first * BLOCK_N,
      columns = min(blocks * BLOCK_N, g.n - n0),
      batch = <usize>(begin / columnBlocks),
      b = g.b + ((batch * <usize>g.batchB) << 2);
    for (let m = 0; m < g.m; m++) {
      const a = g.a + ((batch * <usize>g.batchA + <usize>m * <usize>g.k) << 2),
        c = g.c + (((batch * <usize>g.m + <usize>m) * <usize>g.n + <usize>n0) << 2);
      if (g.transposedB) dotRows(a, b + ((<usize>n0 * <usize>g.k) << 2), <usize>g.k << 2, g.k, columns, c);
      else axpyColumns(a, b + (<usize>n0 << 2), <usize>g.n << 2, g.k, columns, c);
      finishBlock(c, 0, 1, columns, g.bias ? g.bias + (<usize>n0 << 2) : 0, g.low, g.high);
    }
    begin += blocks;
  }
}
