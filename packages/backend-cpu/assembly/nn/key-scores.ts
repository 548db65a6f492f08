import { multiplyAdd, multiplyAddScalar } from '../arithmetic/fused';

// Four keys' next four elements, turned so that each vector holds one element of all four keys.
// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}
// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}
// @ts-ignore: decorator
@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 1, 4, 5);
}
// @ts-ignore: decorator
@inline
function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 3, 6, 7);
}

/** The sums of four keys, over four more elements. */
// @ts-ignore: decorator
@inline
function fourMore(acc: v128, q: usize, k: usize, ldk: usize): v128 {
  const k1 = k + ldk,
    k2 = k1 + ldk,
    a = v128.load(k),
    b = v128.load(k1),
    c = v128.load(k2),
    d = v128.load(k2 + ldk),
    ab = lowPairs(a, b),
    cd = lowPairs(c, d),
    AB = highPairs(a, b),
    CD = highPairs(c, d);
  acc = multiplyAdd(acc, lowHalves(ab, cd), v128.load_splat<u32>(q));
  acc = multiplyAdd(acc, highHalves(ab, cd), v128.load_splat<u32>(q, 4));
  acc = multiplyAdd(acc, lowHalves(AB, CD), v128.load_splat<u32>(q, 8));
  return multiplyAdd(acc, highHalves(AB, CD), v128.load_splat<u32>(q, 12));
}

/** One key's sum over elements `i` to `bytes`, behind `sum`. */
// @ts-ignore: decorator
@inline
function rest(sum: f32, q: usize, k: usize, i: usize, bytes: usize): f32 {
  for (; i < bytes; i += 4) sum = multiplyAddScalar(sum, load<f32>(q + i), load<f32>(k + i));
  return sum;
}

/**
 * One query times `keys` keys, read where they lie, each summed over its elements in ascending order: the bits of the
 * tiles in `gemm/`, so that a query has the same scores alone as among others.
 */
export function keyScores(q: usize, k: usize, ldk: usize, size: i32, keys: i32, out: usize): void {
  const bytes = <usize>size << 2,
    vectors = <usize>(size & ~3) << 2;
  let n = 0;
  for (; n + 8 <= keys; n += 8) {
    const far = k + (ldk << 2);
    let p = f32x4.splat(0),
      r = p;
    for (let i: usize = 0; i < vectors; i += 16) {
      p = fourMore(p, q + i, k + i, ldk);
      r = fourMore(r, q + i, far + i, ldk);
    }
    v128.store(out, p);
    v128.store(out, r, 16);
    if (vectors < bytes) {
      for (let j: usize = 0; j < 8; j++)
        store<f32>(out + (j << 2), rest(load<f32>(out + (j << 2)), q, k + j * ldk, vectors, bytes));
    }
    k += ldk << 3;
    out += 32;
  }
  for (; n < keys; n++) {
    store<f32>(out, rest(0, q, k, 0, bytes));
    k += ldk;
    out += 4;
  }
}
