import { vectorOfMagic, vectorOfOnes } from '../arithmetic/constant-vectors';
import { storeByteSteps, storeWordSteps } from '../arithmetic/store-steps';
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

/** The levels of eight values, in 16 bits. */
// @ts-ignore: decorator
@inline
function levelsOf(x: usize, reciprocal: v128): v128 {
  const magic = vectorOfMagic();
  return i16x8.narrow_i32x4_s(
    i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), reciprocal), magic), magic),
    i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), reciprocal), magic), magic),
  );
}

/** Quantizes each row in symmetric blocks of 32. Units: rows. Scratch: one block of float32. */
export function quantizeBlocks(args: usize, begin: i32, end: i32, scratch: usize): void {
  const q = changetype<QuantizeBlocks>(args),
    blocks = (q.k + BLOCK - 1) / BLOCK,
    padded = <usize>(blocks * BLOCK),
    step = levelBytes() << 2,
    whole = q.rows - (q.rows % TILE_ROWS),
    ones = vectorOfOnes();
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
      let sums = i32x4.splat(0);
      for (let i: usize = 0; i < <usize>BLOCK << 2; i += 64) {
        const a = levelsOf(source + i, reciprocal),
          b = levelsOf(source + i + 32, reciprocal);
        sums = i32x4.add(sums, i32x4.add(i32x4.dot_i16x8_s(a, ones), i32x4.dot_i16x8_s(b, ones)));
        out = ASC_FEATURE_RELAXED_SIMD
          ? storeByteSteps(out, stride, i8x16.narrow_i16x8_s(a, b))
          : storeWordSteps(out, stride, a, b);
      }
      const p = changetype<BlockParams>(params);
      p.scale = scale;
      const even = (i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 2)) * q.factor,
        odd = (i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 3)) * q.factor;
      p.start = q.pairs ? (even & 0xffff) | (odd << 16) : even + odd;
      params += BLOCK_PARAMS_BYTES;
      x += <usize>BLOCK << 2;
    }
  }
}
