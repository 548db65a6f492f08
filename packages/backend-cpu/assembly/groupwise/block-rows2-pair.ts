import { vectorOfOnes } from '../arithmetic/constant-vectors';
import { addScaled, dot4 } from './block-sums';
import { GROUP_STEP } from './panel-pairs';
import { BLOCK_PARAMS_BYTES } from './quantize-blocks';

// @ts-ignore: decorator
@inline
function addTo(c: usize, acc: v128, scale: v128, ones: v128): void {
  v128.store(c, addScaled(v128.load(c), i32x4.dot_i16x8_s(acc, ones), scale));
}

// @ts-ignore: decorator
@inline
function relaxedRows2(
  symmetric: bool, a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, left: i32, blocksPerGroup: i32, c: usize, ldc: usize,
): void {
  const params1 = params + paramsRow,
    c1 = c + ldc,
    ones = vectorOfOnes();
  for (let at: usize = 0, end = <usize>blocks * BLOCK_PARAMS_BYTES; at < end; at += BLOCK_PARAMS_BYTES) {
    // p and q: the rows; 0 to 3: four channels each.
    let p0 = v128.load_splat<u32>(params + at, 4),
      p1 = p0,
      p2 = p0,
      p3 = p0,
      q0 = v128.load_splat<u32>(params1 + at, 4),
      q1 = q0,
      q2 = q0,
      q3 = q0;
    if (!symmetric) {
      let zero = v128.load(zeros, 16);
      p1 = i16x8.mul(zero, p0);
      q1 = i16x8.mul(zero, q0);
      zero = v128.load(zeros, 32);
      p2 = i16x8.mul(zero, p0);
      q2 = i16x8.mul(zero, q0);
      zero = v128.load(zeros, 48);
      p3 = i16x8.mul(zero, p0);
      q3 = i16x8.mul(zero, q0);
      zero = v128.load(zeros);
      p0 = i16x8.mul(zero, p0);
      q0 = i16x8.mul(zero, q0);
    }
    let k = 8;
    do {
      const x = v128.load_splat<u32>(a),
        y = v128.load_splat<u32>(a, 4);
      let w = v128.load(b);
      p0 = dot4(p0, w, x);
      q0 = dot4(q0, w, y);
      w = v128.load(b, 16);
      p1 = dot4(p1, w, x);
      q1 = dot4(q1, w, y);
      w = v128.load(b, 32);
      p2 = dot4(p2, w, x);
      q2 = dot4(q2, w, y);
      w = v128.load(b, 48);
      p3 = dot4(p3, w, x);
      q3 = dot4(q3, w, y);
      a += 16;
      b += 64;
    } while (--k);
    const s = v128.load_splat<u32>(params + at),
      t = v128.load_splat<u32>(params1 + at);
    let scale = v128.load(scales);
    addTo(c, p0, f32x4.mul(scale, s), ones);
    addTo(c1, q0, f32x4.mul(scale, t), ones);
    scale = v128.load(scales, 16);
    addTo(c + 16, p1, f32x4.mul(scale, s), ones);
    addTo(c1 + 16, q1, f32x4.mul(scale, t), ones);
    scale = v128.load(scales, 32);
    addTo(c + 32, p2, f32x4.mul(scale, s), ones);
    addTo(c1 + 32, q2, f32x4.mul(scale, t), ones);
    scale = v128.load(scales, 48);
    addTo(c + 48, p3, f32x4.mul(scale, s), ones);
    addTo(c1 + 48, q3, f32x4.mul(scale, t), ones);
    if (--left == 0) {
      left = blocksPerGroup;
      scales += GROUP_STEP;
      if (!symmetric) zeros += GROUP_STEP;
    }
  }
}

/**
 * Adds two of four interleaved rows times some blocks of a pair of panels of levels below 16, bytes [step][16 channels][4],
 * to `c`. `left`: the blocks that the first group has left. Two rows of 16 channels take fewer instructions than
 * four rows of eight. Relaxed SIMD only.
 */
export function rows2Pair(
  a: usize, params: usize, paramsRow: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, left: i32, blocksPerGroup: i32, c: usize, ldc: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (symmetric) relaxedRows2(true, a, params, paramsRow, b, scales, zeros, blocks, left, blocksPerGroup, c, ldc);
    else relaxedRows2(false, a, params, paramsRow, b, scales, zeros, blocks, left, blocksPerGroup, c, ldc);
  }
}
