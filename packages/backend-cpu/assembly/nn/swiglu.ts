import { exp, ONE } from '../arithmetic/exp';
import { FLAT_BLOCK } from './flat';

/** The argument block of {@link swiGlu}. */
@unmanaged
export class SwiGlu {
  gate: usize;
  up: usize;
  out: usize;
  length: i32;
}

/** gate · sigmoid(gate) · up. Units: blocks of 4096 elements. */
export function swiGlu(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const s = changetype<SwiGlu>(args),
    first = <usize>begin * <usize>FLAT_BLOCK << 2,
    last = <usize>min(end * FLAT_BLOCK, s.length) << 2,
    one = v128.load(ONE);
  for (let i = first; i < last; i += 16) {
    const gate = v128.load(s.gate + i),
      sigmoid = f32x4.div(one, f32x4.add(one, exp(f32x4.neg(gate))));
    v128.store(s.out + i, f32x4.mul(f32x4.mul(gate, sigmoid), v128.load(s.up + i)));
  }
}
