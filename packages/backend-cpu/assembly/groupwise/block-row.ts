import { addScaled, dot16, dot4, joined, lowerZeros, pairs, pairsOfUpper, upperZeros } from './block-sums';
import { GROUP_STEP, zeroPoints } from './panel-pairs';
import { UNPACKED_BYTES } from './planes';
import { BLOCK_PARAMS_BYTES } from './quantize-blocks';

/** Where a tile's levels lie: a byte each, or the lower and the upper four bits in a plane each. */
const enum Levels {
  Bytes,
  Planes,
}

/** One row of one block over a plane of bytes below 16, the even or the odd four channels. */
// @ts-ignore: decorator
@inline
function planeSum(start: v128, a: usize, b: usize): v128 {
  let p = dot4(start, v128.load(b), v128.load_splat<u32>(a));
  p = dot4(p, v128.load(b, 32), v128.load_splat<u32>(a, 4));
  p = dot4(p, v128.load(b, 64), v128.load_splat<u32>(a, 8));
  p = dot4(p, v128.load(b, 96), v128.load_splat<u32>(a, 12));
  p = dot4(p, v128.load(b, 128), v128.load_splat<u32>(a, 16));
  p = dot4(p, v128.load(b, 160), v128.load_splat<u32>(a, 20));
  p = dot4(p, v128.load(b, 192), v128.load_splat<u32>(a, 24));
  return dot4(p, v128.load(b, 224), v128.load_splat<u32>(a, 28));
}

/** One row over all blocks of a panel, relaxed SIMD. */
// @ts-ignore: decorator
@inline
function relaxedRow(
  from: Levels, symmetric: bool,
  a: usize, params: usize, b: usize, scales: usize, zeros: usize,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  let f0 = f32x4.splat(0),
    f1 = f0,
    left = blocksPerGroup;
  const end = params + <usize>blocks * BLOCK_PARAMS_BYTES;
  while (params < end) {
    const sums = v128.load_splat<u32>(params, 4);
    let p0 = from == Levels.Planes ? i16x8.splat(0) : sums,
      p1 = p0;
    if (!symmetric && from == Levels.Planes) {
      p0 = lowerZeros(v128.load(zeros), sums);
      p1 = lowerZeros(v128.load(zeros, 16), sums);
    } else if (!symmetric) {
      p0 = i16x8.mul(v128.load(zeros), sums);
      p1 = i16x8.mul(v128.load(zeros, 16), sums);
    }
    let t0 = pairs(planeSum(p0, a, b)),
      t1 = pairs(planeSum(p1, a, b + 16));
    b += UNPACKED_BYTES;
    if (from == Levels.Planes) {
      p0 = sums;
      p1 = sums;
      if (!symmetric) {
        p0 = upperZeros(v128.load(zeros), sums);
        p1 = upperZeros(v128.load(zeros, 16), sums);
      }
      t0 = i32x4.add(t0, pairsOfUpper(planeSum(p0, a, b)));
      t1 = i32x4.add(t1, pairsOfUpper(planeSum(p1, a, b + 16)));
      b += UNPACKED_BYTES;
    }
    a += 32;
    const scale = v128.load_splat<u32>(params);
    f0 = addScaled(f0, t0, f32x4.mul(v128.load(scales), scale));
    f1 = addScaled(f1, t1, f32x4.mul(v128.load(scales, 16), scale));
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

/** One row over all blocks of a panel of levels below 16 in bytes. Relaxed SIMD only. */
export function rowBytes(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (symmetric) relaxedRow(Levels.Bytes, true, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
    else relaxedRow(Levels.Bytes, false, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
  }
}

/** One row over all blocks of a panel whose levels are in two planes. Relaxed SIMD only. */
export function rowPlanes(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (symmetric) relaxedRow(Levels.Planes, true, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
    else relaxedRow(Levels.Planes, false, a, params, b, scales, zeros, blocks, blocksPerGroup, c);
  }
}

/** One row of 16-bit activations over all blocks of a panel of bytes. */
export function row16(
  a: usize, params: usize, b: usize, scales: usize, zeros: usize, symmetric: bool,
  blocks: i32, blocksPerGroup: i32, c: usize,
): void {
  let f0 = f32x4.splat(0),
    f1 = f0,
    left = blocksPerGroup;
  for (let block = 0; block < blocks; block++) {
    let p0 = i32x4.splat(0),
      p1 = p0,
      p2 = p0,
      p3 = p0;
    for (let i = 0; i < 8; i++) {
      const x = v128.load_splat<u64>(a);
      p0 = dot16(p0, v128.load_ext<u8>(b), x);
      p1 = dot16(p1, v128.load_ext<u8>(b, 8), x);
      p2 = dot16(p2, v128.load_ext<u8>(b, 16), x);
      p3 = dot16(p3, v128.load_ext<u8>(b, 24), x);
      a += 8;
      b += 32;
    }
    const sum = v128.load_splat<u32>(params, 4),
      scale = v128.load_splat<u32>(params);
    let t0 = joined(p0, p1),
      t1 = joined(p2, p3);
    if (symmetric) {
      t0 = i32x4.add(t0, sum);
      t1 = i32x4.add(t1, sum);
    } else {
      t0 = i32x4.add(t0, i32x4.mul(zeroPoints(zeros), sum));
      t1 = i32x4.add(t1, i32x4.mul(zeroPoints(zeros + 16), sum));
    }
    f0 = addScaled(f0, t0, f32x4.mul(v128.load(scales), scale));
    f1 = addScaled(f1, t1, f32x4.mul(v128.load(scales, 16), scale));
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
