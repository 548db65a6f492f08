import { multiplyAdd } from './fused';

/** Beyond these, 2^n would leave the normal numbers. */
const LOWEST: f32 = -87.0;
const HIGHEST: f32 = 88.0;

/**
 * e^x in each lane, within two units in the last place on [-87, 88] and clamped beyond; NaN stays NaN.
 * x = n·ln 2 + r with |r| ≤ ln 2 / 2, then a polynomial in r (coefficients of Cephes' expf).
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  x = f32x4.pmax(f32x4.pmin(x, f32x4.splat(HIGHEST)), f32x4.splat(LOWEST));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  // ln 2 in two parts: the first has few bits, so its product with n is exact.
  let r = multiplyAdd(x, n, f32x4.splat(-0.693359375));
  r = multiplyAdd(r, n, f32x4.splat(2.12194440e-4));
  let p = multiplyAdd(f32x4.splat(1.3981999507e-3), f32x4.splat(1.9875691500e-4), r);
  p = multiplyAdd(f32x4.splat(8.3334519073e-3), p, r);
  p = multiplyAdd(f32x4.splat(4.1665795894e-2), p, r);
  p = multiplyAdd(f32x4.splat(1.6666665459e-1), p, r);
  p = multiplyAdd(f32x4.splat(5.0000001201e-1), p, r);
  p = f32x4.add(multiplyAdd(r, p, f32x4.mul(r, r)), f32x4.splat(1));
  // 2^n through the exponent's bits: 1.5·2^23 + n holds n in its low bits.
  const bits = i32x4.add(f32x4.add(n, f32x4.splat(12582912.0)), i32x4.splat(127 - 0x4b400000));
  return f32x4.mul(p, i32x4.shl(bits, 23));
}
