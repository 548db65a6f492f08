import { nibbleMask } from '../arithmetic/constant-vectors';
import { addScaled, dot4, pairs } from './block-sums';
import { GROUP_STEP } from './panel-pairs';
import { BLOCK_PARAMS_BYTES } from './quantize-blocks';

/** A vector of packed levels times one step of activations each for its lower and its upper four bits, and four steps on. */
// @ts-ignore: decorator
@inline
function nibbles(acc: v128, v: v128, mask: v128, x: v128, y: v128): v128 {
  return dot4(dot4(acc, v128.and(v, mask), x), v128.and(i16x8.shr_u(v, 4), mask), y);
}

// @ts-ignore: decorator
@inline
function relaxedRowPair(
  symmetric: bool, a: usize, params: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  let f0 = f32x4.splat(0),
    f1 = f0,
    g0 = f0,
    g1 = f0,
    left = blocksPerGroup;
  const mask = nibbleMask(),
    end = params + <usize>blocks * BLOCK_PARAMS_BYTES;
  while (params < end) {
    let p0 = v128.load_splat<u32>(params, 4),
      p1 = p0,
      q0 = p0,
      q1 = p0;
    if (!symmetric) {
      p1 = i16x8.mul(v128.load(zeros, 16), p0);
      q0 = i16x8.mul(v128.load(zeros, 32), p0);
      q1 = i16x8.mul(v128.load(zeros, 48), p0);
      p0 = i16x8.mul(v128.load(zeros), p0);
    }
    for (let i = 0; i < 2; i++) {
      let x = v128.load_splat<u32>(a),
        y = v128.load_splat<u32>(a, 4);
      p0 = nibbles(p0, v128.load(b), mask, x, y);
      p1 = nibbles(p1, v128.load(b, 16), mask, x, y);
      q0 = nibbles(q0, v128.load(b, 32), mask, x, y);
      q1 = nibbles(q1, v128.load(b, 48), mask, x, y);
      x = v128.load_splat<u32>(a, 8);
      y = v128.load_splat<u32>(a, 12);
      p0 = nibbles(p0, v128.load(b, 64), mask, x, y);
      p1 = nibbles(p1, v128.load(b, 80), mask, x, y);
      q0 = nibbles(q0, v128.load(b, 96), mask, x, y);
      q1 = nibbles(q1, v128.load(b, 112), mask, x, y);
      a += 16;
      b += 128;
    }
    const scale = v128.load_splat<u32>(params);
    f0 = addScaled(f0, pairs(p0), f32x4.mul(v128.load(scales), scale));
    f1 = addScaled(f1, pairs(p1), f32x4.mul(v128.load(scales, 16), scale));
    g0 = addScaled(g0, pairs(q0), f32x4.mul(v128.load(scales, 32), scale));
    g1 = addScaled(g1, pairs(q1), f32x4.mul(v128.load(scales, 48), scale));
    params += BLOCK_PARAMS_BYTES;
    if (--left == 0) {
      left = blocksPerGroup;
      scales += GROUP_STEP;
      if (!symmetric) zeros += GROUP_STEP;
    }
  }
  v128.store(c, f0);
  v128.store(c, f1, 16);
  v128.store(c, g0, 32);
  v128.store(c, g1, 48);
}

/**
 * One row over all blocks of a pair of packed panels of 4-bit levels, unpacked on the way; the panels share each load of
 * activations. Relaxed SIMD only.
 */
export function rowNibbles(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (symmetric) relaxedRowPair(true, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
    else relaxedRowPair(false, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
  }
}
