/** The argument block of {@link rotary}. */
@unmanaged
export class Rotary {
  /** float32 [batch, sequence, heads, headSize]. */
  x: usize;
  /** float32 [sequence, headSize]. */
  cos: usize;
  sin: usize;
  out: usize;
  sequence: i32;
  heads: i32;
  headSize: i32;
}

/** Each head (a, b) in halves becomes (a·cos − b·sin, b·cos + a·sin). Units: batch × sequence. */
export function rotary(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const r = changetype<Rotary>(args),
    bytes = <usize>r.headSize << 2,
    half = bytes >> 1,
    vectors = half & ~15;
  for (let unit = begin; unit < end; unit++) {
    const cos = r.cos + <usize>(unit % r.sequence) * bytes,
      sin = r.sin + <usize>(unit % r.sequence) * bytes;
    let at = <usize>unit * <usize>r.heads * bytes;
    for (let head = 0; head < r.heads; head++) {
      const x = r.x + at,
        out = r.out + at;
      let i: usize = 0;
      for (; i < vectors; i += 16) {
        const a = v128.load(x + i),
          b = v128.load(x + i + half);
        v128.store(out + i, f32x4.sub(f32x4.mul(a, v128.load(cos + i)), f32x4.mul(b, v128.load(sin + i))));
        v128.store(
          out + i + half,
          f32x4.add(f32x4.mul(b, v128.load(cos + i + half)), f32x4.mul(a, v128.load(sin + i + half))),
        );
      }
      for (; i < half; i += 4) {
        const a = load<f32>(x + i),
          b = load<f32>(x + i + half);
        store<f32>(out + i, a * load<f32>(cos + i) - b * load<f32>(sin + i));
        store<f32>(out + i + half, b * load<f32>(cos + i + half) + a * load<f32>(sin + i + half));
      }
      at += bytes;
    }
  }
}
