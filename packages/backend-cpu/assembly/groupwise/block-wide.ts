import { nibbleMask } from '../arithmetic/constant-vectors';
import { addScaled, addScaledTo, clear } from './block-sums';
import { GROUP_STEP, zeroPoints } from './panel-pairs';
import { BLOCK_PARAMS_BYTES } from './quantize-blocks';

/** The tiles for processors on which the 32-bit relaxed dot product is one instruction and exact for all bytes. */

/** acc + four products in each lane. */
// @ts-ignore: decorator
@inline
function dotAdd(acc: v128, levels: v128, activations: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(activations, levels, acc);
}

// @ts-ignore: decorator
@inline
function start(symmetric: bool, sum: v128, zeros: usize): v128 {
  return symmetric ? sum : i32x4.mul(zeroPoints(zeros), sum);
}

// @ts-ignore: decorator
@inline
function row(
  packed: bool, symmetric: bool, a: usize, params: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  let f0 = f32x4.splat(0),
    f1 = f0,
    left = blocksPerGroup;
  const mask = nibbleMask();
  for (let block = 0; block < blocks; block++) {
    const sum = v128.load_splat<u32>(params, 4);
    // Two sets of sums, to hide the latency.
    let p0 = start(symmetric, sum, zeros),
      p1 = start(symmetric, sum, zeros + 16),
      q0 = i32x4.splat(0),
      q1 = q0;
    for (let i = 0; i < 4; i++) {
      const x = v128.load_splat<u32>(a),
        y = v128.load_splat<u32>(a, 4),
        v = v128.load(b),
        w = v128.load(b, 16);
      if (packed) {
        p0 = dotAdd(p0, v128.and(v, mask), x);
        p1 = dotAdd(p1, v128.and(w, mask), x);
        q0 = dotAdd(q0, v128.and(i16x8.shr_u(v, 4), mask), y);
        q1 = dotAdd(q1, v128.and(i16x8.shr_u(w, 4), mask), y);
        // Past the other panel's row.
        b += 64;
      } else {
        p0 = dotAdd(p0, v, x);
        p1 = dotAdd(p1, w, x);
        q0 = dotAdd(q0, v128.load(b, 32), y);
        q1 = dotAdd(q1, v128.load(b, 48), y);
        b += 64;
      }
      a += 8;
    }
    const scale = v128.load_splat<u32>(params);
    f0 = addScaled(f0, i32x4.add(p0, q0), f32x4.mul(v128.load(scales), scale));
    f1 = addScaled(f1, i32x4.add(p1, q1), f32x4.mul(v128.load(scales, 16), scale));
    params += BLOCK_PARAMS_BYTES;
    if (--left == 0) {
      left = blocksPerGroup;
      scales += GROUP_STEP;
      zeros += GROUP_STEP;
    }
  }
  v128.store(c, f0);
  v128.store(c, f1, 16);
}

/** One row over all blocks of a panel: of packed 4-bit levels, or of bytes. */
export function rowWide(
  packed: bool, symmetric: bool, a: usize, params: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (packed && symmetric) row(true, true, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
    else if (packed) row(true, false, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
    else if (symmetric) row(false, true, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
    else row(false, false, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
  }
}

// @ts-ignore: decorator
@inline
function rows4(
  symmetric: bool, a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, blocksPerGroup: i32, c: usize, ldc: usize,
): void {
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
    let sum = v128.load_splat<u32>(params + at, 4);
    let p0 = start(symmetric, sum, zeros),
      p1 = start(symmetric, sum, zeros + 16);
    sum = v128.load_splat<u32>(params1 + at, 4);
    let q0 = start(symmetric, sum, zeros),
      q1 = start(symmetric, sum, zeros + 16);
    sum = v128.load_splat<u32>(params2 + at, 4);
    let r0 = start(symmetric, sum, zeros),
      r1 = start(symmetric, sum, zeros + 16);
    sum = v128.load_splat<u32>(params3 + at, 4);
    let s0 = start(symmetric, sum, zeros),
      s1 = start(symmetric, sum, zeros + 16);
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
    addScaledTo(c, p0, f32x4.mul(scale0, scale));
    addScaledTo(c + 16, p1, f32x4.mul(scale1, scale));
    scale = v128.load_splat<u32>(params1 + at);
    addScaledTo(c1, q0, f32x4.mul(scale0, scale));
    addScaledTo(c1 + 16, q1, f32x4.mul(scale1, scale));
    scale = v128.load_splat<u32>(params2 + at);
    addScaledTo(c2, r0, f32x4.mul(scale0, scale));
    addScaledTo(c2 + 16, r1, f32x4.mul(scale1, scale));
    scale = v128.load_splat<u32>(params3 + at);
    addScaledTo(c3, s0, f32x4.mul(scale0, scale));
    addScaledTo(c3 + 16, s1, f32x4.mul(scale1, scale));
    if (--left == 0) {
      left = blocksPerGroup;
      scales += GROUP_STEP;
      zeros += GROUP_STEP;
    }
  }
}

/** Four interleaved rows over all blocks of a panel of bytes; `paramsRow` bytes between rows' params. */
export function rows4Wide(
  symmetric: bool, a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, blocksPerGroup: i32, c: usize, ldc: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (symmetric) rows4(true, a, params, paramsRow, b, scales, zeros, blocks, blocksPerGroup, c, ldc);
    else rows4(false, a, params, paramsRow, b, scales, zeros, blocks, blocksPerGroup, c, ldc);
  }
}
