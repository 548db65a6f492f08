import { BLOCK_PARAMS_BYTES } from './quantize-blocks';
import { nibbleMask } from './planes';

const ONES: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/**
 * The tables of one panel of eight channels that all tiles read: `scales` float32 and `zeros` int32, [group][8]
 * each, a group being `blocksPerGroup` blocks of 32 steps.
 *
 * Each block's integer sum Σ a·(level − zero) is exact, then fround(sum) · fround(sx · sw) is added to the floats,
 * so every variant gives the same bits.
 */

/** acc + pairs of products, in 16 bits: levels of at most 4 bits and int8 activations, so that sums of 32 fit. */
// @ts-ignore: decorator
@inline
function dot4(acc: v128, levels: v128, activations: v128): v128 {
  return i16x8.add(acc, i16x8.relaxed_dot_i8x16_i7x16_s(activations, levels));
}

/** Where the 16-bit sums start: −zero · Σa in each lane. Sums wrap on the way and come out right. */
// @ts-ignore: decorator
@inline
function start(zeros: v128, sums: v128): v128 {
  return i16x8.neg(i16x8.mul(v128.or(zeros, i32x4.shl(zeros, 16)), sums));
}

// @ts-ignore: decorator
@inline
function addScaled(c: usize, acc: v128, scale: v128, ones: v128): void {
  v128.store(
    c,
    f32x4.add(v128.load(c), f32x4.mul(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(acc, ones)), scale)),
  );
}

/** Products of two channels × four k: see int8/tiles.ts. */
// @ts-ignore: decorator
@inline
function dotWide(acc: v128, levels: v128, activations: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(levels, activations));
}

// @ts-ignore: decorator
@inline
function joined(low: v128, high: v128): v128 {
  return i32x4.add(i32x4.shuffle(low, high, 0, 2, 4, 6), i32x4.shuffle(low, high, 1, 3, 5, 7));
}

/** One row over all blocks of a panel whose levels are bytes. */
export function rowBytes(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  let f0 = f32x4.splat(0),
    f1 = f0,
    left = blocksPerGroup;
  const ones = v128.load(ONES);
  for (let block = 0; block < blocks; block++) {
    const scale = v128.load_splat<u32>(params);
    let t0: v128, t1: v128;
    if (ASC_FEATURE_RELAXED_SIMD) {
      const sums = v128.load_splat<u32>(params, 4);
      let p0 = start(v128.load(zeros), sums),
        p1 = start(v128.load(zeros, 16), sums);
      for (let i = 0; i < 4; i++) {
        let x = v128.load_splat<u32>(a);
        p0 = dot4(p0, v128.load(b), x);
        p1 = dot4(p1, v128.load(b, 16), x);
        x = v128.load_splat<u32>(a, 4);
        p0 = dot4(p0, v128.load(b, 32), x);
        p1 = dot4(p1, v128.load(b, 48), x);
        a += 8;
        b += 64;
      }
      t0 = i32x4.dot_i16x8_s(p0, ones);
      t1 = i32x4.dot_i16x8_s(p1, ones);
    } else {
      const sum = i32x4.splat(<i32>load<i16>(params, 4) + <i32>load<i16>(params, 6));
      let p0 = i32x4.splat(0),
        p1 = p0,
        p2 = p0,
        p3 = p0;
      for (let i = 0; i < 8; i++) {
        const x = v128.load_splat<u64>(a);
        p0 = dotWide(p0, v128.load_ext<u8>(b), x);
        p1 = dotWide(p1, v128.load_ext<u8>(b, 8), x);
        p2 = dotWide(p2, v128.load_ext<u8>(b, 16), x);
        p3 = dotWide(p3, v128.load_ext<u8>(b, 24), x);
        a += 8;
        b += 32;
      }
      t0 = i32x4.sub(joined(p0, p1), i32x4.mul(v128.load(zeros), sum));
      t1 = i32x4.sub(joined(p2, p3), i32x4.mul(v128.load(zeros, 16), sum));
    }
    f0 = f32x4.add(f0, f32x4.mul(f32x4.convert_i32x4_s(t0), f32x4.mul(v128.load(scales), scale)));
    f1 = f32x4.add(f1, f32x4.mul(f32x4.convert_i32x4_s(t1), f32x4.mul(v128.load(scales, 16), scale)));
    params += BLOCK_PARAMS_BYTES;
    if (--left == 0) {
      left = blocksPerGroup;
      scales += 32;
      zeros += 32;
    }
  }
  v128.store(c, f0);
  v128.store(c, f1, 16);
}

/** One row over all blocks of a packed panel of 4-bit levels, unpacked on the way. Relaxed SIMD only. */
export function rowNibbles(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    let f0 = f32x4.splat(0),
      f1 = f0,
      left = blocksPerGroup;
    const ones = v128.load(ONES),
      mask = nibbleMask();
    for (let block = 0; block < blocks; block++) {
      const scale = v128.load_splat<u32>(params),
        sums = v128.load_splat<u32>(params, 4);
      let p0 = start(v128.load(zeros), sums),
        p1 = start(v128.load(zeros, 16), sums);
      for (let i = 0; i < 2; i++) {
        let v = v128.load(b),
          w = v128.load(b, 16),
          x = v128.load_splat<u32>(a),
          y = v128.load_splat<u32>(a, 4);
        p0 = dot4(p0, v128.and(v, mask), x);
        p1 = dot4(p1, v128.and(w, mask), x);
        p0 = dot4(p0, v128.and(i16x8.shr_u(v, 4), mask), y);
        p1 = dot4(p1, v128.and(i16x8.shr_u(w, 4), mask), y);
        v = v128.load(b, 32);
        w = v128.load(b, 48);
        x = v128.load_splat<u32>(a, 8);
        y = v128.load_splat<u32>(a, 12);
        p0 = dot4(p0, v128.and(v, mask), x);
        p1 = dot4(p1, v128.and(w, mask), x);
        p0 = dot4(p0, v128.and(i16x8.shr_u(v, 4), mask), y);
        p1 = dot4(p1, v128.and(i16x8.shr_u(w, 4), mask), y);
        a += 16;
        b += 64;
      }
      f0 = f32x4.add(
        f0,
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(p0, ones)), f32x4.mul(v128.load(scales), scale)),
      );
      f1 = f32x4.add(
        f1,
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(p1, ones)), f32x4.mul(v128.load(scales, 16), scale)),
      );
      params += BLOCK_PARAMS_BYTES;
      if (--left == 0) {
        left = blocksPerGroup;
        scales += 32;
        zeros += 32;
      }
    }
    v128.store(c, f0);
    v128.store(c, f1, 16);
  }
}

/** Four interleaved rows over all blocks of a panel whose levels are bytes; `paramsRow` bytes between rows' params. */
export function rows4Bytes(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, blocks: i32, blocksPerGroup: i32,
  c: usize, ldc: usize,
): void {
  const ones = v128.load(ONES),
    params1 = params + paramsRow,
    params2 = params1 + paramsRow,
    params3 = params2 + paramsRow,
    c1 = c + ldc,
    c2 = c1 + ldc,
    c3 = c2 + ldc;
  clear(c);
  clear(c1);
  clear(c2);
  clear(c3);
  let left = blocksPerGroup;
  for (let at: usize = 0, end = <usize>blocks * BLOCK_PARAMS_BYTES; at < end; at += BLOCK_PARAMS_BYTES) {
    if (ASC_FEATURE_RELAXED_SIMD) {
      const zero0 = v128.load(zeros),
        zero1 = v128.load(zeros, 16);
      let sums = v128.load_splat<u32>(params + at, 4);
      let p0 = start(zero0, sums),
        p1 = start(zero1, sums);
      sums = v128.load_splat<u32>(params1 + at, 4);
      let q0 = start(zero0, sums),
        q1 = start(zero1, sums);
      sums = v128.load_splat<u32>(params2 + at, 4);
      let r0 = start(zero0, sums),
        r1 = start(zero1, sums);
      sums = v128.load_splat<u32>(params3 + at, 4);
      let s0 = start(zero0, sums),
        s1 = start(zero1, sums);
      let k = 4;
      do {
        let w0 = v128.load(b),
          w1 = v128.load(b, 16),
          x = v128.load_splat<u32>(a);
        p0 = dot4(p0, w0, x);
        p1 = dot4(p1, w1, x);
        x = v128.load_splat<u32>(a, 4);
        q0 = dot4(q0, w0, x);
        q1 = dot4(q1, w1, x);
        x = v128.load_splat<u32>(a, 8);
        r0 = dot4(r0, w0, x);
        r1 = dot4(r1, w1, x);
        x = v128.load_splat<u32>(a, 12);
        s0 = dot4(s0, w0, x);
        s1 = dot4(s1, w1, x);
        w0 = v128.load(b, 32);
        w1 = v128.load(b, 48);
        x = v128.load_splat<u32>(a, 16);
        p0 = dot4(p0, w0, x);
        p1 = dot4(p1, w1, x);
        x = v128.load_splat<u32>(a, 20);
        q0 = dot4(q0, w0, x);
        q1 = dot4(q1, w1, x);
        x = v128.load_splat<u32>(a, 24);
        r0 = dot4(r0, w0, x);
        r1 = dot4(r1, w1, x);
        x = v128.load_splat<u32>(a, 28);
        s0 = dot4(s0, w0, x);
        s1 = dot4(s1, w1, x);
        a += 32;
        b += 64;
      } while (--k);
      const scale0 = v128.load(scales),
        scale1 = v128.load(scales, 16);
      let scale = v128.load_splat<u32>(params + at);
      addScaled(c, p0, f32x4.mul(scale0, scale), ones);
      addScaled(c + 16, p1, f32x4.mul(scale1, scale), ones);
      scale = v128.load_splat<u32>(params1 + at);
      addScaled(c1, q0, f32x4.mul(scale0, scale), ones);
      addScaled(c1 + 16, q1, f32x4.mul(scale1, scale), ones);
      scale = v128.load_splat<u32>(params2 + at);
      addScaled(c2, r0, f32x4.mul(scale0, scale), ones);
      addScaled(c2 + 16, r1, f32x4.mul(scale1, scale), ones);
      scale = v128.load_splat<u32>(params3 + at);
      addScaled(c3, s0, f32x4.mul(scale0, scale), ones);
      addScaled(c3 + 16, s1, f32x4.mul(scale1, scale), ones);
    } else {
      rows4Half(a, params + at, paramsRow, b, scales, zeros, c, ldc);
      rows4Half(a, params + at, paramsRow, b + 16, scales + 16, zeros + 16, c + 16, ldc);
      a += 256;
      b += 256;
    }
    if (--left == 0) {
      left = blocksPerGroup;
      scales += 32;
      zeros += 32;
    }
  }
}

/** The baseline's block of four rows × four channels. */
function rows4Half(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, c: usize, ldc: usize,
): void {
  let p0 = i32x4.splat(0),
    p1 = p0,
    q0 = p0,
    q1 = p0,
    r0 = p0,
    r1 = p0,
    s0 = p0,
    s1 = p0,
    k = 8;
  do {
    const w0 = v128.load_ext<u8>(b),
      w1 = v128.load_ext<u8>(b, 8);
    let x = v128.load_splat<u64>(a);
    p0 = dotWide(p0, w0, x);
    p1 = dotWide(p1, w1, x);
    x = v128.load_splat<u64>(a, 8);
    q0 = dotWide(q0, w0, x);
    q1 = dotWide(q1, w1, x);
    x = v128.load_splat<u64>(a, 16);
    r0 = dotWide(r0, w0, x);
    r1 = dotWide(r1, w1, x);
    x = v128.load_splat<u64>(a, 24);
    s0 = dotWide(s0, w0, x);
    s1 = dotWide(s1, w1, x);
    a += 32;
    b += 32;
  } while (--k);
  const scale = v128.load(scales),
    zero = v128.load(zeros);
  finishWide(c, joined(p0, p1), params, scale, zero);
  params += paramsRow;
  c += ldc;
  finishWide(c, joined(q0, q1), params, scale, zero);
  params += paramsRow;
  c += ldc;
  finishWide(c, joined(r0, r1), params, scale, zero);
  params += paramsRow;
  c += ldc;
  finishWide(c, joined(s0, s1), params, scale, zero);
}

// @ts-ignore: decorator
@inline
function finishWide(c: usize, acc: v128, params: usize, scale: v128, zero: v128): void {
  const sum = i32x4.splat(<i32>load<i16>(params, 4) + <i32>load<i16>(params, 6)),
    exact = i32x4.sub(acc, i32x4.mul(zero, sum));
  v128.store(
    c,
    f32x4.add(v128.load(c), f32x4.mul(f32x4.convert_i32x4_s(exact), f32x4.mul(scale, v128.load_splat<u32>(params)))),
  );
}

// @ts-ignore: decorator
@inline
function clear(c: usize): void {
  v128.store(c, f32x4.splat(0));
  v128.store(c, f32x4.splat(0), 16);
}

/** acc + four products in each lane: levels of at most seven bits, so exact wherever relaxed SIMD is. */
// @ts-ignore: decorator
@inline
function dotAdd(acc: v128, levels: v128, activations: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(activations, levels, acc);
}

/** Σa of a block. */
// @ts-ignore: decorator
@inline
function blockSum(params: usize): v128 {
  return i32x4.splat(<i32>load<i16>(params, 4) + <i32>load<i16>(params, 6));
}

/** {@link rowNibbles} for processors on which {@link dotAdd} is one instruction. */
export function rowNibblesWide(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    let f0 = f32x4.splat(0),
      f1 = f0,
      left = blocksPerGroup;
    const mask = nibbleMask(),
      none = i32x4.splat(0);
    for (let block = 0; block < blocks; block++) {
      const scale = v128.load_splat<u32>(params),
        sum = blockSum(params);
      // Two sets of sums, to hide the latency.
      let p0 = i32x4.neg(i32x4.mul(v128.load(zeros), sum)),
        p1 = i32x4.neg(i32x4.mul(v128.load(zeros, 16), sum)),
        q0 = none,
        q1 = none;
      for (let i = 0; i < 4; i++) {
        const v = v128.load(b),
          w = v128.load(b, 16),
          x = v128.load_splat<u32>(a),
          y = v128.load_splat<u32>(a, 4);
        p0 = dotAdd(p0, v128.and(v, mask), x);
        p1 = dotAdd(p1, v128.and(w, mask), x);
        q0 = dotAdd(q0, v128.and(i16x8.shr_u(v, 4), mask), y);
        q1 = dotAdd(q1, v128.and(i16x8.shr_u(w, 4), mask), y);
        a += 8;
        b += 32;
      }
      const t0 = f32x4.convert_i32x4_s(i32x4.add(p0, q0)),
        t1 = f32x4.convert_i32x4_s(i32x4.add(p1, q1));
      f0 = f32x4.add(f0, f32x4.mul(t0, f32x4.mul(v128.load(scales), scale)));
      f1 = f32x4.add(f1, f32x4.mul(t1, f32x4.mul(v128.load(scales, 16), scale)));
      params += BLOCK_PARAMS_BYTES;
      if (--left == 0) {
        left = blocksPerGroup;
        scales += 32;
        zeros += 32;
      }
    }
    v128.store(c, f0);
    v128.store(c, f1, 16);
  }
}

// @ts-ignore: decorator
@inline
function addScaledWide(c: usize, acc: v128, scale: v128): void {
  v128.store(c, f32x4.add(v128.load(c), f32x4.mul(f32x4.convert_i32x4_s(acc), scale)));
}

/** {@link rows4Bytes} for processors on which {@link dotAdd} is one instruction. */
export function rows4BytesWide(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, blocks: i32, blocksPerGroup: i32,
  c: usize, ldc: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const params1 = params + paramsRow,
      params2 = params1 + paramsRow,
      params3 = params2 + paramsRow,
      c1 = c + ldc,
      c2 = c1 + ldc,
      c3 = c2 + ldc;
    clear(c);
    clear(c1);
    clear(c2);
    clear(c3);
    let left = blocksPerGroup;
    for (let at: usize = 0, end = <usize>blocks * BLOCK_PARAMS_BYTES; at < end; at += BLOCK_PARAMS_BYTES) {
      const zero0 = i32x4.neg(v128.load(zeros)),
        zero1 = i32x4.neg(v128.load(zeros, 16));
      let sum = blockSum(params + at);
      let p0 = i32x4.mul(zero0, sum),
        p1 = i32x4.mul(zero1, sum);
      sum = blockSum(params1 + at);
      let q0 = i32x4.mul(zero0, sum),
        q1 = i32x4.mul(zero1, sum);
      sum = blockSum(params2 + at);
      let r0 = i32x4.mul(zero0, sum),
        r1 = i32x4.mul(zero1, sum);
      sum = blockSum(params3 + at);
      let s0 = i32x4.mul(zero0, sum),
        s1 = i32x4.mul(zero1, sum);
      let k = 8;
      do {
        const w0 = v128.load(b),
          w1 = v128.load(b, 16);
        let x = v128.load_splat<u32>(a);
        p0 = dotAdd(p0, w0, x);
        p1 = dotAdd(p1, w1, x);
        x = v128.load_splat<u32>(a, 4);
        q0 = dotAdd(q0, w0, x);
        q1 = dotAdd(q1, w1, x);
        x = v128.load_splat<u32>(a, 8);
        r0 = dotAdd(r0, w0, x);
        r1 = dotAdd(r1, w1, x);
        x = v128.load_splat<u32>(a, 12);
        s0 = dotAdd(s0, w0, x);
        s1 = dotAdd(s1, w1, x);
        a += 16;
        b += 32;
      } while (--k);
      const scale0 = v128.load(scales),
        scale1 = v128.load(scales, 16);
      let scale = v128.load_splat<u32>(params + at);
      addScaledWide(c, p0, f32x4.mul(scale0, scale));
      addScaledWide(c + 16, p1, f32x4.mul(scale1, scale));
      scale = v128.load_splat<u32>(params1 + at);
      addScaledWide(c1, q0, f32x4.mul(scale0, scale));
      addScaledWide(c1 + 16, q1, f32x4.mul(scale1, scale));
      scale = v128.load_splat<u32>(params2 + at);
      addScaledWide(c2, r0, f32x4.mul(scale0, scale));
      addScaledWide(c2 + 16, r1, f32x4.mul(scale1, scale));
      scale = v128.load_splat<u32>(params3 + at);
      addScaledWide(c3, s0, f32x4.mul(scale0, scale));
      addScaledWide(c3 + 16, s1, f32x4.mul(scale1, scale));
      if (--left == 0) {
        left = blocksPerGroup;
        scales += 32;
        zeros += 32;
      }
    }
  }
}
