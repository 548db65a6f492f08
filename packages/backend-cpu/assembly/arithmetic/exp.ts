import { multiplyAdd } from './fused';

// Vectors are loaded, not constants in the code: see constant-vectors.ts.

/** Beyond these, 2^n would leave the normal numbers. */
const LOWEST: usize = memory.data<f32>([-87.0, -87.0, -87.0, -87.0], 16);
const HIGHEST: usize = memory.data<f32>([88.0, 88.0, 88.0, 88.0], 16);
const LOG2E: usize = memory.data<f32>([1.44269504088896341, 1.44269504088896341, 1.44269504088896341, 1.44269504088896341], 16);
/** ln 2 in two parts: the first has few bits, so its product with n is exact. */
const MINUS_LN2_HIGH: usize = memory.data<f32>([-0.693359375, -0.693359375, -0.693359375, -0.693359375], 16);
const MINUS_LN2_LOW: usize = memory.data<f32>([2.12194440e-4, 2.12194440e-4, 2.12194440e-4, 2.12194440e-4], 16);
/** Coefficients of Cephes' expf. */
const P6: usize = memory.data<f32>([1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4], 16);
const P5: usize = memory.data<f32>([1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3], 16);
const P4: usize = memory.data<f32>([8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3], 16);
const P3: usize = memory.data<f32>([4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2], 16);
const P2: usize = memory.data<f32>([1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1], 16);
const P1: usize = memory.data<f32>([5.0000001201e-1, 5.0000001201e-1, 5.0000001201e-1, 5.0000001201e-1], 16);
/** One, in each lane. */
export const ONE: usize = memory.data<f32>([1.0, 1.0, 1.0, 1.0], 16);
/** 1.5 · 2^23: adding it leaves whole numbers in the low bits. */
const MAGIC: usize = memory.data<f32>([12582912.0, 12582912.0, 12582912.0, 12582912.0], 16);
/** What those bits are less than the exponent that they stand for. */
const EXPONENT: usize = memory.data<i32>([127 - 0x4b400000, 127 - 0x4b400000, 127 - 0x4b400000, 127 - 0x4b400000], 16);

/**
 * e^x in each lane, within two units in the last place on [-87, 88] and clamped beyond; NaN stays NaN.
 * x = n·ln 2 + r with |r| ≤ ln 2 / 2, then a polynomial in r.
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  x = f32x4.pmax(f32x4.pmin(x, v128.load(HIGHEST)), v128.load(LOWEST));
  const n = f32x4.nearest(f32x4.mul(x, v128.load(LOG2E)));
  let r = multiplyAdd(x, n, v128.load(MINUS_LN2_HIGH));
  r = multiplyAdd(r, n, v128.load(MINUS_LN2_LOW));
  let p = multiplyAdd(v128.load(P5), v128.load(P6), r);
  p = multiplyAdd(v128.load(P4), p, r);
  p = multiplyAdd(v128.load(P3), p, r);
  p = multiplyAdd(v128.load(P2), p, r);
  p = multiplyAdd(v128.load(P1), p, r);
  p = f32x4.add(multiplyAdd(r, p, f32x4.mul(r, r)), v128.load(ONE));
  // 2^n through the exponent's bits: 1.5·2^23 + n holds n in its low bits.
  const bits = i32x4.add(f32x4.add(n, v128.load(MAGIC)), v128.load(EXPONENT));
  return f32x4.mul(p, i32x4.shl(bits, 23));
}
