import { float16ToFloat32, float32ToFloat16 } from '@tamp/core';

/** Values as float16 keeps them. */
export function float16Values(values: Float32Array): Float32Array {
  return float16ToFloat32(float32ToFloat16(values));
}
