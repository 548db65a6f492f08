import { FLAT_BLOCK } from './flat';

/** The argument block of {@link widenBfloat16}. */
@unmanaged
export class WidenBfloat16 {
  /** bfloat16 [length], in a block of whole vectors. */
  bits: usize;
  /** float32 [length]. */
  out: usize;
  length: i32;
}

/** bfloat16 as float32: the lower half of each word is 0. Units: blocks of 4096 elements. */
export function widenBfloat16(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const t = changetype<WidenBfloat16>(args),
    last = min(end * FLAT_BLOCK, t.length),
    vectors = last & ~7;
  let i = begin * FLAT_BLOCK;
  for (; i < vectors; i += 8) {
    const halves = v128.load(t.bits + (<usize>i << 1)),
      out = t.out + (<usize>i << 2);
    v128.store(out, i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
    v128.store(out, i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16), 16);
  }
  for (; i < last; i++) store<u32>(t.out + (<usize>i << 2), <u32>load<u16>(t.bits + (<usize>i << 1)) << 16);
}
