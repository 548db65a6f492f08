import { denseLevel } from './pack';
import { GROUP_STEP, superblockStep, zeroPoints } from './panel-pairs';
import { SUPERBLOCK, unpackSuperblock } from './planes';

/** Four levels (byte `shift` / 8 of each lane) as fround((level − zero) · scale). */
// @ts-ignore: decorator
@inline
function floats(levels: v128, shift: i32, byteMask: v128, zero: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(v128.and(i32x4.shr_u(levels, shift), byteMask), zero)), scale);
}

const BYTE_MASK: usize = memory.data<u32>([255, 255, 255, 255], 16);

/**
 * Dequantizes steps [k0, k0 + k) of a packed panel to float32 [k][8]; k0 is a multiple of 32. `scales` and `zeros`
 * (0: symmetric) are the panel's tables (see panel-pairs.ts). Rows that the matrix lacks come out arbitrary but finite.
 * Scratch: one unpacked superblock.
 */
export function dequantizePanel(
  panel: usize, bits: i32, groupSize: i32, scales: usize, zeros: usize, k0: i32, k: i32, out: usize, scratch: usize,
): void {
  const end = k0 + k,
    byteMask = v128.load(BYTE_MASK);
  let b = panel + <usize>(k0 / SUPERBLOCK) * superblockStep(bits),
    group = <usize>(k0 / groupSize) * GROUP_STEP,
    groupEnd = (k0 / groupSize + 1) * groupSize,
    scale0 = v128.load(scales + group),
    scale1 = v128.load(scales + group, 16),
    zero0 = zeros ? zeroPoints(zeros + group) : i32x4.splat(1 << (bits - 1)),
    zero1 = zeros ? zeroPoints(zeros + group + 16) : zero0;
  for (let at = k0; at < end; at += SUPERBLOCK) {
    b = unpackSuperblock(b, bits, scratch);
    let levels = scratch;
    const stop = min(at + SUPERBLOCK, end);
    for (let i = at; i < stop; i += 4) {
      const v = v128.load(levels),
        w = v128.load(levels, 16);
      levels += 32;
      if (i >= groupEnd) {
        group += GROUP_STEP;
        groupEnd += groupSize;
        scale0 = v128.load(scales + group);
        scale1 = v128.load(scales + group, 16);
        if (zeros) {
          zero0 = zeroPoints(zeros + group);
          zero1 = zeroPoints(zeros + group + 16);
        }
      }
      if (i + 4 <= groupEnd && i + 4 <= stop) {
        v128.store(out, floats(v, 0, byteMask, zero0, scale0));
        v128.store(out, floats(w, 0, byteMask, zero1, scale1), 16);
        v128.store(out, floats(v, 8, byteMask, zero0, scale0), 32);
        v128.store(out, floats(w, 8, byteMask, zero1, scale1), 48);
        v128.store(out, floats(v, 16, byteMask, zero0, scale0), 64);
        v128.store(out, floats(w, 16, byteMask, zero1, scale1), 80);
        v128.store(out, floats(v, 24, byteMask, zero0, scale0), 96);
        v128.store(out, floats(w, 24, byteMask, zero1, scale1), 112);
        out += 128;
        continue;
      }
      // A group ends inside these four steps, or the matrix does.
      for (let j = 0; j < 4 && i + j < stop; j++) {
        if (i + j >= groupEnd) {
          group += GROUP_STEP;
          groupEnd += groupSize;
          scale0 = v128.load(scales + group);
          scale1 = v128.load(scales + group, 16);
          if (zeros) {
            zero0 = zeroPoints(zeros + group);
            zero1 = zeroPoints(zeros + group + 16);
          }
        }
        v128.store(out, floats(v, j << 3, byteMask, zero0, scale0));
        v128.store(out, floats(w, j << 3, byteMask, zero1, scale1), 16);
        out += 32;
      }
    }
  }
}

/** The argument block of {@link dequantizeRows}. */
@unmanaged
export class DequantizeRows {
  /** Plain dense rows of `wordsPerRow` words. */
  words: usize;
  wordsPerRow: i32;
  scales: usize;
  /** int32 [rows, groups], or 0. */
  zeros: usize;
  /** int32 row numbers, or 0 for all rows in order. */
  ids: usize;
  out: usize;
  columns: i32;
  bits: i32;
  groupSize: i32;
}

/** Rows of a plain packed weight as float32. Units: rows of `out`. */
export function dequantizeRows(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const d = changetype<DequantizeRows>(args),
    groups = d.columns / d.groupSize;
  for (let unit = begin; unit < end; unit++) {
    const id = d.ids ? load<i32>(d.ids + (<usize>unit << 2)) : unit,
      row = d.words + ((<usize>id * <usize>d.wordsPerRow) << 2);
    let out = d.out + ((<usize>unit * <usize>d.columns) << 2),
      k = 0;
    for (let group = 0; group < groups; group++) {
      const at = (<usize>id * <usize>groups + <usize>group) << 2,
        scale = load<f32>(d.scales + at),
        zero = (1 << (d.bits - 1)) + (d.zeros ? load<i32>(d.zeros + at) : 0),
        stop = k + d.groupSize;
      for (; k < stop; k++) {
        store<f32>(out, <f32>(denseLevel(row, k, d.bits) - zero) * scale);
        out += 4;
      }
    }
  }
}

