import { bytesOf } from '../bytes/byte-source.js';
import { float32ToBfloat16 } from '../numeric/bfloat16.js';
import { float32ToFloat16 } from '../numeric/float16.js';
import type { DenseDtype, DenseStorage } from './parameter.js';

/** Numbers in memory as dense storage of the given format; float32 is shared, not copied. */
export function denseStorage(values: Float32Array, dtype: DenseDtype = 'float32'): DenseStorage {
  switch (dtype) {
    case 'float32':
      return { kind: 'dense', dtype, bytes: bytesOf(values) };
    case 'bfloat16':
      return { kind: 'dense', dtype, bytes: bytesOf(float32ToBfloat16(values)) };
    case 'float16':
      return { kind: 'dense', dtype, bytes: bytesOf(float32ToFloat16(values)) };
  }
}
