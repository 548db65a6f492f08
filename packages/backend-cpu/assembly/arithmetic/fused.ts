/**
 * acc + a * b in each lane. With relaxed SIMD this is one instruction and, where the processor has one, a fused
 * multiply-add; without it the product is rounded first. On one machine it is always the same of the two.
 */
// @ts-ignore: decorator
@inline
export function multiplyAdd(acc: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, acc);
  else return f32x4.add(acc, f32x4.mul(a, b));
}

/** The scalar counterpart of {@link multiplyAdd}: the same rounding, so that tails equal full vectors. */
// @ts-ignore: decorator
@inline
export function multiplyAddScalar(acc: f32, a: f32, b: f32): f32 {
  return f32x4.extract_lane(multiplyAdd(f32x4.splat(acc), f32x4.splat(a), f32x4.splat(b)), 0);
}
