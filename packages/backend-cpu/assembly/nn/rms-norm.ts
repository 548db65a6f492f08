/** The argument block of {@link rmsNorm}. */
@unmanaged
export class RmsNorm {
  x: usize;
  weight: usize;
  out: usize;
  width: i32;
  epsilon: f32;
}

/** x / √(mean(x²) + epsilon) · weight. Units: rows. */
export function rmsNorm(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const r = changetype<RmsNorm>(args),
    bytes = <usize>r.width << 2,
    pairs = <usize>(r.width & ~7) << 2;
  for (let row = begin; row < end; row++) {
    const x = r.x + <usize>row * bytes,
      out = r.out + <usize>row * bytes;
    let p = f32x4.splat(0),
      q = p,
      i: usize = 0;
    for (; i < pairs; i += 32) {
      const a = v128.load(x + i),
        b = v128.load(x + i, 16);
      p = f32x4.add(p, f32x4.mul(a, a));
      q = f32x4.add(q, f32x4.mul(b, b));
    }
    p = f32x4.add(p, q);
    let sum: f32 =
      (f32x4.extract_lane(p, 0) + f32x4.extract_lane(p, 2)) + (f32x4.extract_lane(p, 1) + f32x4.extract_lane(p, 3));
    for (; i < bytes; i += 4) {
      const v = load<f32>(x + i);
      sum += v * v;
    }
    const factor: f32 = <f32>1 / sqrt<f32>(sum / <f32>r.width + r.epsilon),
      factors = f32x4.splat(factor);
    for (i = 0; i < pairs; i += 16)
      v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), factors), v128.load(r.weight + i)));
    for (; i < bytes; i += 4) store<f32>(out + i, load<f32>(x + i) * factor * load<f32>(r.weight + i));
  }
}
