import { addScaledTo, clear, dot16, dot4, joined, lowerZeros, pairs, pairsOfUpper, upperZeros } from './block-sums';
import { GROUP_STEP, zeroPoints } from './panel-pairs';
import { UNPACKED_BYTES } from './planes';
import { BLOCK_PARAMS_BYTES } from './quantize-blocks';

/**
 * Two of four interleaved rows over all blocks of a panel whose levels are in two planes: more rows at once would
 * need more sums than there are registers.
 */
export function rows2Planes(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, blocksPerGroup: i32, c: usize, ldc: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const params1 = params + paramsRow,
      c1 = c + ldc;
    clear(c);
    clear(c1);
    let left = blocksPerGroup;
    for (let at: usize = 0, end = <usize>blocks * BLOCK_PARAMS_BYTES; at < end; at += BLOCK_PARAMS_BYTES) {
      const sums = v128.load_splat<u32>(params + at, 4),
        sums1 = v128.load_splat<u32>(params1 + at, 4);
      // p and q: the rows; 0 and 1: the halves of the panel; l and u: the lower and upper bits of the levels.
      let pl0 = i32x4.splat(0),
        pl1 = pl0,
        ql0 = pl0,
        ql1 = pl0,
        pu0 = sums,
        pu1 = sums,
        qu0 = sums1,
        qu1 = sums1;
      if (!symmetric) {
        let zero = v128.load(zeros);
        pl0 = lowerZeros(zero, sums);
        ql0 = lowerZeros(zero, sums1);
        pu0 = upperZeros(zero, sums);
        qu0 = upperZeros(zero, sums1);
        zero = v128.load(zeros, 16);
        pl1 = lowerZeros(zero, sums);
        ql1 = lowerZeros(zero, sums1);
        pu1 = upperZeros(zero, sums);
        qu1 = upperZeros(zero, sums1);
      }
      let k = 8;
      do {
        const x = v128.load_splat<u32>(a),
          y = v128.load_splat<u32>(a, 4);
        let w = v128.load(b);
        pl0 = dot4(pl0, w, x);
        ql0 = dot4(ql0, w, y);
        w = v128.load(b, 16);
        pl1 = dot4(pl1, w, x);
        ql1 = dot4(ql1, w, y);
        w = v128.load(b + UNPACKED_BYTES);
        pu0 = dot4(pu0, w, x);
        qu0 = dot4(qu0, w, y);
        w = v128.load(b + UNPACKED_BYTES, 16);
        pu1 = dot4(pu1, w, x);
        qu1 = dot4(qu1, w, y);
        a += 16;
        b += 32;
      } while (--k);
      b += UNPACKED_BYTES;
      const scale0 = v128.load(scales),
        scale1 = v128.load(scales, 16);
      let scale = v128.load_splat<u32>(params + at);
      addScaledTo(c, i32x4.add(pairs(pl0), pairsOfUpper(pu0)), f32x4.mul(scale0, scale));
      addScaledTo(c + 16, i32x4.add(pairs(pl1), pairsOfUpper(pu1)), f32x4.mul(scale1, scale));
      scale = v128.load_splat<u32>(params1 + at);
      addScaledTo(c1, i32x4.add(pairs(ql0), pairsOfUpper(qu0)), f32x4.mul(scale0, scale));
      addScaledTo(c1 + 16, i32x4.add(pairs(ql1), pairsOfUpper(qu1)), f32x4.mul(scale1, scale));
      if (--left == 0) {
        left = blocksPerGroup;
        scales += GROUP_STEP;
        zeros += GROUP_STEP;
      }
    }
  }
}

/** Four interleaved rows of 16-bit activations over all blocks of a panel of bytes. */
export function rows4Of16(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, blocksPerGroup: i32, c: usize, ldc: usize,
): void {
  for (let row: usize = 0; row < 4; row++) clear(c + row * ldc);
  let left = blocksPerGroup;
  for (let block = 0; block < blocks; block++) {
    half(a, params, paramsRow, b, scales, zeros, symmetric, c, ldc);
    half(a, params, paramsRow, b + 16, scales + 16, zeros + 16, symmetric, c + 16, ldc);
    a += 256;
    b += 256;
    params += BLOCK_PARAMS_BYTES;
    if (--left == 0) {
      left = blocksPerGroup;
      scales += GROUP_STEP;
      zeros += GROUP_STEP;
    }
  }
}

/** A block of four rows × four channels. */
function half(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  c: usize, ldc: usize,
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
    b += 32;
  } while (--k);
  const scale = v128.load(scales),
    zero = symmetric ? i32x4.splat(1) : zeroPoints(zeros);
  finish(c, joined(p0, p1), params, scale, zero);
  params += paramsRow;
  c += ldc;
  finish(c, joined(q0, q1), params, scale, zero);
  params += paramsRow;
  c += ldc;
  finish(c, joined(r0, r1), params, scale, zero);
  params += paramsRow;
  c += ldc;
  finish(c, joined(s0, s1), params, scale, zero);
}

// @ts-ignore: decorator
@inline
function finish(c: usize, sum: v128, params: usize, scale: v128, zero: v128): void {
  addScaledTo(
    c,
    i32x4.add(sum, i32x4.mul(zero, v128.load_splat<u32>(params, 4))),
    f32x4.mul(scale, v128.load_splat<u32>(params)),
  );
}
