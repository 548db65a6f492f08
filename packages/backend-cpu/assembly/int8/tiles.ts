import { vectorOfOnes } from '../arithmetic/constant-vectors';

// Loaded, not a constant in the code: see arithmetic/constant-vectors.ts.
const SIXTEENS: usize = memory.data<i16>([16, 16, 16, 16, 16, 16, 16, 16], 16);

/** acc + Σ of four products of 7-bit activations and int8 weights in each lane: no intermediate saturates. */
// @ts-ignore: decorator
@inline
function dot7(acc: v128, weights: v128, activations: v128, ones: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(weights, activations), ones));
}

/**
 * Two rows of 7-bit activations times a panel of 16 channels. `steps` of four k, an even number. Sums go to
 * `c` (int32), the second row's `ldc` bytes further.
 */
export function tile7Rows2(a: usize, b: usize, steps: i32, c: usize, ldc: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    let p0 = i32x4.splat(0),
      p1 = p0,
      p2 = p0,
      p3 = p0,
      q0 = p0,
      q1 = p0,
      q2 = p0,
      q3 = p0;
    const ones = vectorOfOnes();
    // One weight vector alive at a time: more would spill registers on older engines.
    do {
      let x = v128.load_splat<u32>(a),
        y = v128.load_splat<u32>(a, 4),
        w = v128.load(b);
      p0 = dot7(p0, w, x, ones);
      q0 = dot7(q0, w, y, ones);
      w = v128.load(b, 16);
      p1 = dot7(p1, w, x, ones);
      q1 = dot7(q1, w, y, ones);
      w = v128.load(b, 32);
      p2 = dot7(p2, w, x, ones);
      q2 = dot7(q2, w, y, ones);
      w = v128.load(b, 48);
      p3 = dot7(p3, w, x, ones);
      q3 = dot7(q3, w, y, ones);
      x = v128.load_splat<u32>(a, 8);
      y = v128.load_splat<u32>(a, 12);
      w = v128.load(b, 64);
      p0 = dot7(p0, w, x, ones);
      q0 = dot7(q0, w, y, ones);
      w = v128.load(b, 80);
      p1 = dot7(p1, w, x, ones);
      q1 = dot7(q1, w, y, ones);
      w = v128.load(b, 96);
      p2 = dot7(p2, w, x, ones);
      q2 = dot7(q2, w, y, ones);
      w = v128.load(b, 112);
      p3 = dot7(p3, w, x, ones);
      q3 = dot7(q3, w, y, ones);
      a += 16;
      b += 128;
      steps -= 2;
    } while (steps);
    v128.store(c, p0);
    v128.store(c, p1, 16);
    v128.store(c, p2, 32);
    v128.store(c, p3, 48);
    c += ldc;
    v128.store(c, q0);
    v128.store(c, q1, 16);
    v128.store(c, q2, 32);
    v128.store(c, q3, 48);
  }
}

/** One row of 7-bit activations times a panel of 16 channels. `steps` even. */
export function tile7Rows1(a: usize, b: usize, steps: i32, c: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    let p0 = i32x4.splat(0),
      p1 = p0,
      p2 = p0,
      p3 = p0;
    const ones = vectorOfOnes();
    do {
      let x = v128.load_splat<u32>(a);
      p0 = dot7(p0, v128.load(b), x, ones);
      p1 = dot7(p1, v128.load(b, 16), x, ones);
      p2 = dot7(p2, v128.load(b, 32), x, ones);
      p3 = dot7(p3, v128.load(b, 48), x, ones);
      x = v128.load_splat<u32>(a, 4);
      p0 = dot7(p0, v128.load(b, 64), x, ones);
      p1 = dot7(p1, v128.load(b, 80), x, ones);
      p2 = dot7(p2, v128.load(b, 96), x, ones);
      p3 = dot7(p3, v128.load(b, 112), x, ones);
      a += 8;
      b += 128;
      steps -= 2;
    } while (steps);
    v128.store(c, p0);
    v128.store(c, p1, 16);
    v128.store(c, p2, 32);
    v128.store(c, p3, 48);
  }
}

/** Two neighbouring channels × four k: lanes are (channel 0 k01, channel 0 k23, channel 1 k01, channel 1 k23). */
// @ts-ignore: decorator
@inline
function dot16(acc: v128, weights: v128, activations: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(weights, activations));
}

/** Sums of four channels from two accumulators of {@link dot16}. */
// @ts-ignore: decorator
@inline
function joined(low: v128, high: v128): v128 {
  return i32x4.add(i32x4.shuffle(low, high, 0, 2, 4, 6), i32x4.shuffle(low, high, 1, 3, 5, 7));
}

// @ts-ignore: decorator
@inline
function rows4(widened: bool, a: usize, b: usize, steps: i32, c: usize, ldc: usize): void {
  let p0 = i32x4.splat(0),
    p1 = p0,
    q0 = p0,
    q1 = p0,
    r0 = p0,
    r1 = p0,
    s0 = p0,
    s1 = p0;
  do {
    const w0 = widened ? v128.load(b) : v128.load_ext<i8>(b),
      w1 = widened ? v128.load(b, 16) : v128.load_ext<i8>(b, 8);
    let x = v128.load_splat<u64>(a);
    p0 = dot16(p0, w0, x);
    p1 = dot16(p1, w1, x);
    x = v128.load_splat<u64>(a, 8);
    q0 = dot16(q0, w0, x);
    q1 = dot16(q1, w1, x);
    x = v128.load_splat<u64>(a, 16);
    r0 = dot16(r0, w0, x);
    r1 = dot16(r1, w1, x);
    x = v128.load_splat<u64>(a, 24);
    s0 = dot16(s0, w0, x);
    s1 = dot16(s1, w1, x);
    a += 32;
    b += widened ? 32 : 64;
    steps--;
  } while (steps);
  v128.store(c, joined(p0, p1));
  c += ldc;
  v128.store(c, joined(q0, q1));
  c += ldc;
  v128.store(c, joined(r0, r1));
  c += ldc;
  v128.store(c, joined(s0, s1));
}

/** Four rows of 16-bit activations times four channels of a panel; `b` points at the first of the four. */
export function tile16Rows4(a: usize, b: usize, steps: i32, c: usize, ldc: usize): void {
  rows4(false, a, b, steps, c, ldc);
}

/** Four rows of 16-bit activations times four channels as {@link widenPanel} leaves them. */
export function tile16Rows4Widened(a: usize, b: usize, steps: i32, c: usize, ldc: usize): void {
  rows4(true, a, b, steps, c, ldc);
}

/** Bytes from one four channels of a widened panel to the next: never a multiple of a page, where stores would collide. */
// @ts-ignore: decorator
@inline
export function widenedQuarter(steps: i32): usize {
  return (<usize>steps << 5) + 320;
}

/** Levels of a panel as 16 bits, four channels after four channels: [4][steps][4][4]. */
export function widenPanel(b: usize, steps: i32, out: usize): void {
  const quarter = widenedQuarter(steps),
    end = out + (<usize>steps << 5);
  for (; out < end; out += 32) {
    let q = out;
    for (let i = 0; i < 4; i++) {
      v128.store(q, v128.load_ext<i8>(b));
      v128.store(q, v128.load_ext<i8>(b, 8), 16);
      b += 16;
      q += quarter;
    }
  }
}

/** One row of 16-bit activations times a panel of 16 channels. */
export function tile16Rows1(a: usize, b: usize, steps: i32, c: usize): void {
  let p0 = i32x4.splat(0),
    p1 = p0,
    p2 = p0,
    p3 = p0,
    p4 = p0,
    p5 = p0,
    p6 = p0,
    p7 = p0;
  do {
    const x = v128.load_splat<u64>(a);
    p0 = dot16(p0, v128.load_ext<i8>(b), x);
    p1 = dot16(p1, v128.load_ext<i8>(b, 8), x);
    p2 = dot16(p2, v128.load_ext<i8>(b, 16), x);
    p3 = dot16(p3, v128.load_ext<i8>(b, 24), x);
    p4 = dot16(p4, v128.load_ext<i8>(b, 32), x);
    p5 = dot16(p5, v128.load_ext<i8>(b, 40), x);
    p6 = dot16(p6, v128.load_ext<i8>(b, 48), x);
    p7 = dot16(p7, v128.load_ext<i8>(b, 56), x);
    a += 8;
    b += 64;
    steps--;
  } while (steps);
  v128.store(c, joined(p0, p1));
  v128.store(c, joined(p2, p3), 16);
  v128.store(c, joined(p4, p5), 32);
  v128.store(c, joined(p6, p7), 48);
}

/** Steps after which sums of products of four bits and eight could leave 16 bits: 8 · 2 · 15 · 128 = 30720. */
const SPLIT_STEPS: i32 = 8;

/** Products of four-bit activations and int8 weights, in 16 bits. */
// @ts-ignore: decorator
@inline
function dotHalf(acc: v128, weights: v128, activations: v128): v128 {
  return i16x8.add(acc, i16x8.relaxed_dot_i8x16_i7x16_s(weights, activations));
}

/** Adds Σ lower + 16 · Σ upper to the sums of four channels. */
// @ts-ignore: decorator
@inline
function addHalves(c: usize, lower: v128, upper: v128): void {
  v128.store(
    c,
    i32x4.add(
      v128.load(c),
      i32x4.add(i32x4.dot_i16x8_s(lower, vectorOfOnes()), i32x4.dot_i16x8_s(upper, v128.load(SIXTEENS))),
    ),
  );
}

/**
 * One row of 8-bit activations times a panel of 16 channels. The activations are split in their lower and upper four
 * bits, [steps][2][4] bytes: fewer instructions than widening the weights, which no other row would share.
 */
export function tileSplitRows1(a: usize, b: usize, steps: i32, c: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    for (let i: usize = 0; i < 64; i += 16) v128.store(c + i, i32x4.splat(0));
    do {
      let l0 = i16x8.splat(0),
        l1 = l0,
        l2 = l0,
        l3 = l0,
        h0 = l0,
        h1 = l0,
        h2 = l0,
        h3 = l0,
        left = min(steps, SPLIT_STEPS);
      steps -= left;
      do {
        const x = v128.load_splat<u32>(a),
          y = v128.load_splat<u32>(a, 4);
        let w = v128.load(b);
        l0 = dotHalf(l0, w, x);
        h0 = dotHalf(h0, w, y);
        w = v128.load(b, 16);
        l1 = dotHalf(l1, w, x);
        h1 = dotHalf(h1, w, y);
        w = v128.load(b, 32);
        l2 = dotHalf(l2, w, x);
        h2 = dotHalf(h2, w, y);
        w = v128.load(b, 48);
        l3 = dotHalf(l3, w, x);
        h3 = dotHalf(h3, w, y);
        a += 8;
        b += 64;
      } while (--left);
      addHalves(c, l0, h0);
      addHalves(c + 16, l1, h1);
      addHalves(c + 32, l2, h2);
      addHalves(c + 48, l3, h3);
    } while (steps);
  }
}

/** acc + Σ of four products of unsigned bytes and int8 weights in each lane. Exact only where a probe has shown it. */
// @ts-ignore: decorator
@inline
function dotWide(acc: v128, weights: v128, activations: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(weights, activations, acc);
}

/** Two rows of 8-bit activations times a panel of 16 channels. */
export function tileWideRows2(a: usize, b: usize, steps: i32, c: usize, ldc: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    let p0 = i32x4.splat(0),
      p1 = p0,
      p2 = p0,
      p3 = p0,
      q0 = p0,
      q1 = p0,
      q2 = p0,
      q3 = p0;
    do {
      const x = v128.load_splat<u32>(a),
        y = v128.load_splat<u32>(a, 4);
      let w = v128.load(b);
      p0 = dotWide(p0, w, x);
      q0 = dotWide(q0, w, y);
      w = v128.load(b, 16);
      p1 = dotWide(p1, w, x);
      q1 = dotWide(q1, w, y);
      w = v128.load(b, 32);
      p2 = dotWide(p2, w, x);
      q2 = dotWide(q2, w, y);
      w = v128.load(b, 48);
      p3 = dotWide(p3, w, x);
      q3 = dotWide(q3, w, y);
      a += 8;
      b += 64;
      steps--;
    } while (steps);
    v128.store(c, p0);
    v128.store(c, p1, 16);
    v128.store(c, p2, 32);
    v128.store(c, p3, 48);
    c += ldc;
    v128.store(c, q0);
    v128.store(c, q1, 16);
    v128.store(c, q2, 32);
    v128.store(c, q3, 48);
  }
}

/** One row of 8-bit activations times a panel of 16 channels, in two sets of sums to hide the latency. `steps` even. */
export function tileWideRows1(a: usize, b: usize, steps: i32, c: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    let p0 = i32x4.splat(0),
      p1 = p0,
      p2 = p0,
      p3 = p0,
      q0 = p0,
      q1 = p0,
      q2 = p0,
      q3 = p0;
    do {
      const x = v128.load_splat<u32>(a),
        y = v128.load_splat<u32>(a, 4);
      p0 = dotWide(p0, v128.load(b), x);
      p1 = dotWide(p1, v128.load(b, 16), x);
      p2 = dotWide(p2, v128.load(b, 32), x);
      p3 = dotWide(p3, v128.load(b, 48), x);
      q0 = dotWide(q0, v128.load(b, 64), y);
      q1 = dotWide(q1, v128.load(b, 80), y);
      q2 = dotWide(q2, v128.load(b, 96), y);
      q3 = dotWide(q3, v128.load(b, 112), y);
      a += 8;
      b += 128;
      steps -= 2;
    } while (steps);
    v128.store(c, i32x4.add(p0, q0));
    v128.store(c, i32x4.add(p1, q1), 16);
    v128.store(c, i32x4.add(p2, q2), 32);
    v128.store(c, i32x4.add(p3, q3), 48);
  }
}
