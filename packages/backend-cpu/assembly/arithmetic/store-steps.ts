/**
 * Writes 16 levels, a byte each, in steps of four that lie `stride` bytes apart, and returns where the next step goes.
 */
// @ts-ignore: decorator
@inline
export function storeByteSteps(out: usize, stride: usize, bytes: v128): usize {
  v128.store32_lane(out, bytes, 0);
  v128.store32_lane(out + stride, bytes, 1);
  out += stride << 1;
  v128.store32_lane(out, bytes, 2);
  v128.store32_lane(out + stride, bytes, 3);
  return out + (stride << 1);
}

/** The same of 16-bit levels, eight in each vector. */
// @ts-ignore: decorator
@inline
export function storeWordSteps(out: usize, stride: usize, first: v128, second: v128): usize {
  v128.store64_lane(out, first, 0);
  v128.store64_lane(out + stride, first, 1);
  out += stride << 1;
  v128.store64_lane(out, second, 0);
  v128.store64_lane(out + stride, second, 1);
  return out + (stride << 1);
}
