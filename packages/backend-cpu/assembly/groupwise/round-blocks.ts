import { largerMagnitude, largestLane } from '../arithmetic/magnitude';

/** Activations that share one scale. */
export const BLOCK: i32 = 32;

/** max|x| of up to one block. */
export function blockMagnitude(x: usize, length: i32): f32 {
  if (length == BLOCK) {
    let p = i32x4.splat(0);
    for (const end = x + (<usize>BLOCK << 2); x < end; x += 16) p = largerMagnitude(p, v128.load(x));
    return largestLane(p);
  }
  let largest: f32 = 0;
  for (let i = 0; i < length; i++) largest = max(largest, abs(load<f32>(x + (<usize>i << 2))));
  return largest;
}

/** The argument block of {@link roundBlocks}. */
@unmanaged
export class RoundBlocks {
  /** float32 [rows, k]. */
  x: usize;
  out: usize;
  k: i32;
}

/** Each block of 32 elements rounded to int8 levels of one scale and back to floats. Units: rows. */
export function roundBlocks(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const r = changetype<RoundBlocks>(args);
  for (let row = begin; row < end; row++) {
    const base = (<usize>row * <usize>r.k) << 2;
    for (let k = 0; k < r.k; k += BLOCK) {
      const length = min(BLOCK, r.k - k),
        x = r.x + base + (<usize>k << 2),
        out = r.out + base + (<usize>k << 2),
        largest = blockMagnitude(x, length),
        scale: f32 = largest == 0 ? 1 : largest / 127,
        reciprocal: f32 = <f32>1 / scale;
      for (let i: usize = 0; i < <usize>length << 2; i += 4)
        store<f32>(out + i, nearest<f32>(load<f32>(x + i) * reciprocal) * scale);
    }
  }
}
