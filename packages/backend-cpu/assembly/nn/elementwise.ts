import { FLAT_BLOCK } from './flat';

/** The argument block of {@link binary}. */
@unmanaged
export class Binary {
  a: usize;
  b: usize;
  out: usize;
  length: i32;
  /** 0: a + b, 1: a − b, 2: a · b. */
  operation: i32;
  /** 1: b is one number. */
  scalarB: i32;
}

// @ts-ignore: decorator
@inline
function apply(operation: i32, a: v128, b: v128): v128 {
  if (operation == 0) return f32x4.add(a, b);
  if (operation == 1) return f32x4.sub(a, b);
  return f32x4.mul(a, b);
}

/** Sum, difference or product of two arrays, or of an array and a number. Units: blocks of 4096 elements. */
export function binary(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<Binary>(args),
    first = <usize>begin * <usize>FLAT_BLOCK << 2,
    last = <usize>min(end * FLAT_BLOCK, t.length) << 2,
    operation = t.operation;
  if (t.scalarB) {
    const b = v128.load_splat<u32>(t.b);
    for (let i = first; i < last; i += 16) v128.store(t.out + i, apply(operation, v128.load(t.a + i), b));
  } else {
    for (let i = first; i < last; i += 16)
      v128.store(t.out + i, apply(operation, v128.load(t.a + i), v128.load(t.b + i)));
  }
}
