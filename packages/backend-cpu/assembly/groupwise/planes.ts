import { nibbleMask } from '../arithmetic/constant-vectors';

/** Steps of k in one superblock: the fewest that fill whole vectors at every width. */
export const SUPERBLOCK: i32 = 32;
/** Channels of one panel. */
export const CHANNELS: i32 = 8;
/** Bytes of an unpacked superblock: [8 steps of four k][2 halves of four channels][4 channels][4 k]. */
export const UNPACKED_BYTES: usize = 256;
/** Bytes of one of its steps; also what the two panels of a pair lie apart in their packed rows. */
const STEP: usize = 32;

// Loaded, not constants in the code: see arithmetic/constant-vectors.ts.
const MASKS: usize = memory.data<u8>(
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3],
  16,
);

/** Bytes of a packed superblock of eight channels: `bits` bits per level, none lost. */
// @ts-ignore: decorator
@inline
export function superblockBytes(bits: i32): usize {
  return <usize>bits << 5;
}

/**
 * Bytes from one row of a plane to the next, of a superblock that starts at either panel of a pair: see panel-pairs.ts.
 *
 * A level of b bits is split into planes of 4, 2 and 1 bits. A row is two vectors, one for each half of the channels; in
 * a plane of width w it holds 8/w steps: byte = step 0 | step 1 << w | …
 */
const ROW_STEP: usize = 64;

// @ts-ignore: decorator
@inline
function merge(out: usize, level: v128, shift: i32): void {
  v128.store(out, shift ? v128.or(v128.load(out), i16x8.shl(level, shift)) : level);
}

/** Bits [shift, shift + 4) of all levels; `step` bytes from the levels of one step of four k to the next. */
function unpack4(b: usize, out: usize, step: usize, shift: i32): usize {
  const mask = nibbleMask();
  for (let i = 0; i < 4; i++) {
    const v = v128.load(b),
      w = v128.load(b, 16);
    merge(out, v128.and(v, mask), shift);
    merge(out + 16, v128.and(w, mask), shift);
    out += step;
    merge(out, v128.and(i16x8.shr_u(v, 4), mask), shift);
    merge(out + 16, v128.and(i16x8.shr_u(w, 4), mask), shift);
    b += ROW_STEP;
    out += step;
  }
  return b;
}

function unpack2(b: usize, out: usize, step: usize, shift: i32): usize {
  const mask = v128.load(MASKS, 16);
  for (let i = 0; i < 2; i++) {
    const v = v128.load(b),
      w = v128.load(b, 16);
    for (let bit = 0; bit < 8; bit += 2) {
      merge(out, v128.and(i16x8.shr_u(v, bit), mask), shift);
      merge(out + 16, v128.and(i16x8.shr_u(w, bit), mask), shift);
      out += step;
    }
    b += ROW_STEP;
  }
  return b;
}

function unpack1(b: usize, out: usize, step: usize, shift: i32): usize {
  const mask = v128.load(MASKS),
    v = v128.load(b),
    w = v128.load(b, 16);
  for (let i = 0; i < 8; i++) {
    merge(out, v128.and(i16x8.shr_u(v, i), mask), shift);
    merge(out + 16, v128.and(i16x8.shr_u(w, i), mask), shift);
    out += step;
  }
  return b + ROW_STEP;
}

function unpackLevels(b: usize, bits: i32, out: usize, step: usize): usize {
  let shift = 0;
  if (bits >= 4) {
    b = unpack4(b, out, step, 0);
    shift = 4;
    if (bits == 8) return unpack4(b, out, step, 4);
  }
  if (bits & 2) {
    b = unpack2(b, out, step, shift);
    shift += 2;
  }
  if (bits & 1) b = unpack1(b, out, step, shift);
  return b;
}

/** Unpacks one superblock to a byte per level and returns where the panel's next one starts. */
export function unpackSuperblock(b: usize, bits: i32, out: usize): usize {
  return unpackLevels(b, bits, out, STEP);
}

/** Unpacks superblocks of both panels of a pair to [8 steps][16 channels][4 k] each. */
export function unpackPair(b: usize, bits: i32, superblocks: i32, out: usize): void {
  const end = b + <usize>superblocks * (superblockBytes(bits) << 1);
  if (bits == 4) {
    const mask = nibbleMask();
    for (; b < end; b += ROW_STEP) {
      const v0 = v128.load(b),
        v1 = v128.load(b, 16),
        v2 = v128.load(b, 32),
        v3 = v128.load(b, 48);
      v128.store(out, v128.and(v0, mask));
      v128.store(out, v128.and(v1, mask), 16);
      v128.store(out, v128.and(v2, mask), 32);
      v128.store(out, v128.and(v3, mask), 48);
      v128.store(out, v128.and(i16x8.shr_u(v0, 4), mask), 64);
      v128.store(out, v128.and(i16x8.shr_u(v1, 4), mask), 80);
      v128.store(out, v128.and(i16x8.shr_u(v2, 4), mask), 96);
      v128.store(out, v128.and(i16x8.shr_u(v3, 4), mask), 112);
      out += STEP << 2;
    }
    return;
  }
  for (; b < end; out += UNPACKED_BYTES << 1) {
    unpackLevels(b, bits, out, STEP << 1);
    b = unpackLevels(b + STEP, bits, out + STEP, STEP << 1) - STEP;
  }
}

/** Unpacks one superblock of more than 4 bits: the lower four bits of each level to `out`, the rest after them. */
export function unpackHalves(b: usize, bits: i32, out: usize): usize {
  b = unpack4(b, out, STEP, 0);
  out += UNPACKED_BYTES;
  if (bits == 8) return unpack4(b, out, STEP, 0);
  let shift = 0;
  if (bits & 2) {
    b = unpack2(b, out, STEP, 0);
    shift = 2;
  }
  if (bits & 1) b = unpack1(b, out, STEP, shift);
  return b;
}

/** Sets the planes of one level: channel n of the panel, step k of the superblock. The block starts as zeros. */
export function packLevel(b: usize, bits: i32, n: i32, k: i32, level: i32): void {
  const half = <usize>(n >> 2),
    step = k >> 2,
    lane = <usize>(((n & 3) << 2) | (k & 3));
  let left = bits,
    width = 4;
  while (left) {
    while (width > left) width >>= 1;
    const steps = 8 / width,
      at = b + <usize>(step / steps) * ROW_STEP + half * 16 + lane,
      shift = (step % steps) * width;
    store<u8>(at, load<u8>(at) | <u8>((level & ((1 << width) - 1)) << shift));
    level >>= width;
    left -= width;
    b += <usize>width * ROW_STEP;
  }
}
