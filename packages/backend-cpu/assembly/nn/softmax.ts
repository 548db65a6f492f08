import { exp } from '../arithmetic/exp';

/** Largest of `length` ≥ 1 values; NaN when one is NaN. */
export function largest(x: usize, length: i32): f32 {
  const vectors = x + (<usize>(length & ~3) << 2),
    end = x + (<usize>length << 2);
  let p = f32x4.splat(-Infinity);
  for (; x < vectors; x += 16) p = f32x4.max(p, v128.load(x));
  let m = max(
    max(f32x4.extract_lane(p, 0), f32x4.extract_lane(p, 1)),
    max(f32x4.extract_lane(p, 2), f32x4.extract_lane(p, 3)),
  );
  for (; x < end; x += 4) m = max(m, load<f32>(x));
  return m;
}

/**
 * out = e^(scale · x − shift) and its sum; `scratch` has 16 bytes. `out` may be `x`; with out = 0 only the sum is
 * formed.
 */
export function expSum(x: usize, length: i32, scale: f32, shift: f32, out: usize, scratch: usize): f32 {
  const vectors = <usize>(length & ~3) << 2,
    tail = <usize>(length & 3) << 2,
    scales = f32x4.splat(scale),
    shifts = f32x4.splat(shift);
  let p = f32x4.splat(0),
    i: usize = 0;
  for (; i < vectors; i += 16) {
    const e = exp(f32x4.sub(f32x4.mul(v128.load(x + i), scales), shifts));
    p = f32x4.add(p, e);
    if (out) v128.store(out + i, e);
  }
  let sum: f32 =
    (f32x4.extract_lane(p, 0) + f32x4.extract_lane(p, 2)) + (f32x4.extract_lane(p, 1) + f32x4.extract_lane(p, 3));
  if (tail) {
    v128.store(scratch, f32x4.splat(0));
    memory.copy(scratch, x + i, tail);
    v128.store(scratch, exp(f32x4.sub(f32x4.mul(v128.load(scratch), scales), shifts)));
    for (let j: usize = 0; j < tail; j += 4) sum += load<f32>(scratch + j);
    if (out) memory.copy(out + i, scratch, tail);
  }
  return sum;
}

/** Multiplies a row by a number. */
export function scaleRow(x: usize, length: i32, factor: f32): void {
  const vectors = x + (<usize>(length & ~3) << 2),
    end = x + (<usize>length << 2),
    factors = f32x4.splat(factor);
  for (; x < vectors; x += 16) v128.store(x, f32x4.mul(v128.load(x), factors));
  for (; x < end; x += 4) store<f32>(x, load<f32>(x) * factor);
}

/** The argument block of {@link softmaxRows}. */
@unmanaged
export class SoftmaxRows {
  x: usize;
  out: usize;
  width: i32;
}

/** Softmax of each row. Units: rows. */
export function softmaxRows(args: usize, begin: i32, end: i32, scratch: usize): void {
  const s = changetype<SoftmaxRows>(args),
    bytes = <usize>s.width << 2;
  for (let row = begin; row < end; row++) {
    const x = s.x + <usize>row * bytes,
      out = s.out + <usize>row * bytes;
    scaleRow(out, s.width, <f32>1 / expSum(x, s.width, 1, largest(x, s.width), out, scratch));
  }
}
