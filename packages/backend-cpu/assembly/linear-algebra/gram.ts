/** Rows and columns of the result that one unit computes. */
export const TILE: i32 = 32;

/** The argument block of {@link accumulateGram}. */
@unmanaged
export class Gram {
  /** float32 [m, n]. */
  x: usize;
  /** float64 [n, n]; what is there is added to. */
  sum: usize;
  m: i32;
  n: i32;
}

/**
 * sum += xᵀ · x, every product and sum in float64. Units: tiles of 32 × 32 on and below the diagonal; the part above
 * it is mirrored, so the result is symmetric to the bit.
 */
export function accumulateGram(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const g = changetype<Gram>(args),
    row = <usize>g.n << 2;
  for (let unit = begin; unit < end; unit++) {
    // Unit u is tile (i, j) with j ≤ i: u = i (i + 1) / 2 + j.
    let i = <i32>((sqrt<f64>(8.0 * <f64>unit + 1.0) - 1.0) / 2.0);
    if (i * (i + 1) / 2 > unit) i--;
    const i0 = i * TILE,
      i1 = min(i0 + TILE, g.n),
      j0 = (unit - i * (i + 1) / 2) * TILE,
      j1 = min(j0 + TILE, g.n);
    for (let a = i0; a < i1; a++) {
      const last = min(j1, a + 1);
      let b = j0;
      for (; b + 4 <= last; b += 4) {
        let p = f64x2.splat(0),
          q = p,
          x = g.x + (<usize>a << 2),
          y = g.x + (<usize>b << 2);
        for (let k = 0; k < g.m; k++) {
          const v = f64x2.splat(<f64>load<f32>(x)),
            w = v128.load(y);
          p = f64x2.add(p, f64x2.mul(v, f64x2.promote_low_f32x4(w)));
          q = f64x2.add(q, f64x2.mul(v, f64x2.promote_low_f32x4(i32x4.shuffle(w, w, 2, 3, 2, 3))));
          x += row;
          y += row;
        }
        put(g, a, b, f64x2.extract_lane(p, 0));
        put(g, a, b + 1, f64x2.extract_lane(p, 1));
        put(g, a, b + 2, f64x2.extract_lane(q, 0));
        put(g, a, b + 3, f64x2.extract_lane(q, 1));
      }
      for (; b < last; b++) {
        let p: f64 = 0,
          x = g.x + (<usize>a << 2),
          y = g.x + (<usize>b << 2);
        for (let k = 0; k < g.m; k++) {
          p += <f64>load<f32>(x) * <f64>load<f32>(y);
          x += row;
          y += row;
        }
        put(g, a, b, p);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function put(g: Gram, a: i32, b: i32, value: f64): void {
  const below = g.sum + ((<usize>a * <usize>g.n + <usize>b) << 3),
    above = g.sum + ((<usize>b * <usize>g.n + <usize>a) << 3),
    sum = load<f64>(below) + value;
  store<f64>(below, sum);
  store<f64>(above, sum);
}
