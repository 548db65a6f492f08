import { multiplyAdd } from '../arithmetic/fused';

/** Columns of one packed panel of the right-hand matrix: [k][PANEL] float32. */
export const PANEL: i32 = 8;

/**
 * Register tiles: `rows` rows of the left matrix times one packed panel, summed over k in ascending order, so
 * that every tile height gives the same bits. `first` starts from zero, otherwise the sums in `c` go on.
 * Strides are in bytes.
 */
export function tile4(a: usize, lda: usize, b: usize, k: i32, c: usize, ldc: usize, first: bool): void {
  let a1 = a + lda,
    a2 = a1 + lda,
    a3 = a2 + lda;
  const c1 = c + ldc,
    c2 = c1 + ldc,
    c3 = c2 + ldc;
  let p0 = f32x4.splat(0),
    p1 = p0,
    q0 = p0,
    q1 = p0,
    r0 = p0,
    r1 = p0,
    s0 = p0,
    s1 = p0;
  if (!first) {
    p0 = v128.load(c);
    p1 = v128.load(c, 16);
    q0 = v128.load(c1);
    q1 = v128.load(c1, 16);
    r0 = v128.load(c2);
    r1 = v128.load(c2, 16);
    s0 = v128.load(c3);
    s1 = v128.load(c3, 16);
  }
  // One step a turn: engines load everything a turn needs at its start, and two steps would not fit in the registers.
  while (k) {
    const b0 = v128.load(b),
      b1 = v128.load(b, 16);
    let x = v128.load_splat<u32>(a);
    p0 = multiplyAdd(p0, b0, x);
    p1 = multiplyAdd(p1, b1, x);
    x = v128.load_splat<u32>(a1);
    q0 = multiplyAdd(q0, b0, x);
    q1 = multiplyAdd(q1, b1, x);
    x = v128.load_splat<u32>(a2);
    r0 = multiplyAdd(r0, b0, x);
    r1 = multiplyAdd(r1, b1, x);
    x = v128.load_splat<u32>(a3);
    s0 = multiplyAdd(s0, b0, x);
    s1 = multiplyAdd(s1, b1, x);
    a += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    b += 32;
    k--;
  }
  v128.store(c, p0);
  v128.store(c, p1, 16);
  v128.store(c1, q0);
  v128.store(c1, q1, 16);
  v128.store(c2, r0);
  v128.store(c2, r1, 16);
  v128.store(c3, s0);
  v128.store(c3, s1, 16);
}

export function tile1(a: usize, b: usize, k: i32, c: usize, first: bool): void {
  let p0 = f32x4.splat(0),
    p1 = p0;
  if (!first) {
    p0 = v128.load(c);
    p1 = v128.load(c, 16);
  }
  while (k >= 4) {
    let x = v128.load_splat<u32>(a);
    p0 = multiplyAdd(p0, v128.load(b), x);
    p1 = multiplyAdd(p1, v128.load(b, 16), x);
    x = v128.load_splat<u32>(a, 4);
    p0 = multiplyAdd(p0, v128.load(b, 32), x);
    p1 = multiplyAdd(p1, v128.load(b, 48), x);
    x = v128.load_splat<u32>(a, 8);
    p0 = multiplyAdd(p0, v128.load(b, 64), x);
    p1 = multiplyAdd(p1, v128.load(b, 80), x);
    x = v128.load_splat<u32>(a, 12);
    p0 = multiplyAdd(p0, v128.load(b, 96), x);
    p1 = multiplyAdd(p1, v128.load(b, 112), x);
    a += 16;
    b += 128;
    k -= 4;
  }
  while (k) {
    const x = v128.load_splat<u32>(a);
    p0 = multiplyAdd(p0, v128.load(b), x);
    p1 = multiplyAdd(p1, v128.load(b, 16), x);
    a += 4;
    b += 32;
    k--;
  }
  v128.store(c, p0);
  v128.store(c, p1, 16);
}

/** One row times four neighbouring panels at once: enough sums in flight to hide the latency of an addition. */
export function tile1x4(a: usize, b: usize, panelBytes: usize, k: i32, c: usize, first: bool): void {
  const d = b + panelBytes;
  let p0 = f32x4.splat(0),
    p1 = p0,
    q0 = p0,
    q1 = p0,
    r0 = p0,
    r1 = p0,
    s0 = p0,
    s1 = p0;
  if (!first) {
    p0 = v128.load(c);
    p1 = v128.load(c, 16);
    q0 = v128.load(c, 32);
    q1 = v128.load(c, 48);
    r0 = v128.load(c, 64);
    r1 = v128.load(c, 80);
    s0 = v128.load(c, 96);
    s1 = v128.load(c, 112);
  }
  let e = d + panelBytes,
    f = e + panelBytes,
    g = d;
  while (k) {
    const x = v128.load_splat<u32>(a);
    p0 = multiplyAdd(p0, v128.load(b), x);
    p1 = multiplyAdd(p1, v128.load(b, 16), x);
    q0 = multiplyAdd(q0, v128.load(g), x);
    q1 = multiplyAdd(q1, v128.load(g, 16), x);
    r0 = multiplyAdd(r0, v128.load(e), x);
    r1 = multiplyAdd(r1, v128.load(e, 16), x);
    s0 = multiplyAdd(s0, v128.load(f), x);
    s1 = multiplyAdd(s1, v128.load(f, 16), x);
    a += 4;
    b += 32;
    g += 32;
    e += 32;
    f += 32;
    k--;
  }
  v128.store(c, p0);
  v128.store(c, p1, 16);
  v128.store(c, q0, 32);
  v128.store(c, q1, 48);
  v128.store(c, r0, 64);
  v128.store(c, r1, 80);
  v128.store(c, s0, 96);
  v128.store(c, s1, 112);
}
