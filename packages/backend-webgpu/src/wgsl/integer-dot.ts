/**
 * How four int8 products are summed: `packed` is WGSL's `dot4I8Packed` (one instruction on most GPUs); `unpacked` works
 * where the language lacks it. Both are exact.
 */
export type IntegerDot = 'packed' | 'unpacked';

/** The best one that this WebGPU implementation has. */
export function supportedIntegerDot(): IntegerDot {
  const features = globalThis.navigator?.gpu?.wgslLanguageFeatures;
  return features?.has('packed_4x8_integer_dot_product') === true ? 'packed' : 'unpacked';
}

/** WGSL: `dotInt8(a, b)`, the sum of the products of four signed bytes. */
export function integerDot(kind: IntegerDot): string {
  if (kind === 'packed') return 'fn dotInt8(a : u32, b : u32) -> i32 { return dot4I8Packed(a, b); }';
  return `
fn signedBytes(word : u32) -> vec4<i32> {
  return (vec4<i32>(i32(word)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
}
fn dotInt8(a : u32, b : u32) -> i32 { return dot(signedBytes(a), signedBytes(b)); }`;
}
