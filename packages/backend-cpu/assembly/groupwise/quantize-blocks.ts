import { BLOCK, blockMagnitude } from './round-blocks';

/** Rows whose levels are interleaved for one register tile. */
export const TILE_ROWS: i32 = 4;

/** Bytes of one level: signed bytes for the relaxed dot product, 16 bits for the baseline's. */
// @ts-ignore: decorator
@inline
export function levelBytes(): usize {
  return ASC_FEATURE_RELAXED_SIMD ? 1 : 2;
}

/** What the product needs to know of one block of one row. */
@unmanaged
export class BlockParams {
  scale: f32;
  /**
   * {@link QuantizeBlocks.factor} · Σ of levels; with `pairs` Σ over k mod 4 ∈ {0, 1} in the low 16 bits and over
   * {2, 3} in the high ones.
   */
  start: i32;
}

/** Bytes from one block's {@link BlockParams} to the next. */
export const BLOCK_PARAMS_BYTES: usize = 8;

const MAGIC: f32 = 12582912.0;

/** The argument block of {@link quantizeBlocks}. */
@unmanaged
export class QuantizeBlocks {
  /** float32 [rows, k]. */
  x: usize;
  /** [tile][blocks · 8][4 rows][4]; rows past the last full tile one by one. */
  levels: usize;
  /** {@link BlockParams} [rows, blocks]. */
  params: usize;
  rows: i32;
  k: i32;
  /** What each step of a symmetric weight's zero point takes off; −1 when the weight has zero points of its own. */
  factor: i32;
  pairs: i32;
}

/** Quantizes each row in symmetric blocks of 32. Units: rows. Scratch: one block of float32. */
export function quantizeBlocks(args: usize, begin: i32, end: i32, scratch: usize): void {
  const q = changetype<QuantizeBlocks>(args),
    blocks = (q.k + BLOCK - 1) / BLOCK,
    padded = <usize>(blocks * BLOCK),
    step = levelBytes() << 2,
    whole = q.rows - (q.rows % TILE_ROWS),
    offset = i32x4.splat(-reinterpret<i32>(MAGIC)),
    magic = f32x4.splat(MAGIC);
  for (let row = begin; row < end; row++) {
    const inTile = row < whole,
      first = inTile ? row - (row % TILE_ROWS) : row,
      stride = inTile ? step * <usize>TILE_ROWS : step;
    let x = q.x + ((<usize>row * <usize>q.k) << 2),
      out = q.levels + <usize>first * padded * levelBytes() + <usize>(row - first) * step,
      params = q.params + <usize>row * <usize>blocks * BLOCK_PARAMS_BYTES;
    for (let block = 0; block < blocks; block++) {
      const length = min(BLOCK, q.k - block * BLOCK);
      let source = x;
      if (length < BLOCK) {
        memory.fill(scratch, 0, <usize>BLOCK << 2);
        memory.copy(scratch, x, <usize>length << 2);
        source = scratch;
      }
      const largest = blockMagnitude(source, BLOCK),
        scale: f32 = largest == 0 ? 1 : largest / 127,
        reciprocal = f32x4.splat(<f32>1 / scale);
      let sums = i16x8.splat(0);
      for (let i: usize = 0; i < <usize>BLOCK << 2; i += 16) {
        const level = i32x4.add(f32x4.add(f32x4.mul(v128.load(source + i), reciprocal), magic), offset),
          halves = i16x8.narrow_i32x4_s(level, level);
        sums = i16x8.add(sums, halves);
        if (ASC_FEATURE_RELAXED_SIMD) v128.store32_lane(out, i8x16.narrow_i16x8_s(halves, halves), 0);
        else v128.store64_lane(out, halves, 0);
        out += stride;
      }
      const p = changetype<BlockParams>(params);
      p.scale = scale;
      const even = (<i32>i16x8.extract_lane_s(sums, 0) + <i32>i16x8.extract_lane_s(sums, 1)) * q.factor,
        odd = (<i32>i16x8.extract_lane_s(sums, 2) + <i32>i16x8.extract_lane_s(sums, 3)) * q.factor;
      p.start = q.pairs ? (even & 0xffff) | (odd << 16) : even + odd;
      params += BLOCK_PARAMS_BYTES;
      x += <usize>BLOCK << 2;
    }
  }
}
