import { readAll } from '../bytes/byte-source.js';
import { bfloat16Into, bfloat16ToFloat32 } from '../numeric/bfloat16.js';
import { float16ToFloat32 } from '../numeric/float16.js';
import type { DenseDtype, DenseStorage } from './parameter.js';

/** Bytes of one number. */
export const denseBytes: Readonly<Record<DenseDtype, number>> = { float32: 4, bfloat16: 2, float16: 2 };

/** The same bytes at an address a typed array of `width`-byte elements may start at. */
export function aligned(bytes: Uint8Array, width: number): Uint8Array {
  return bytes.byteOffset % width === 0 ? bytes : bytes.slice();
}

/** Bytes of dense numbers as float32; float32 input may be shared with the result. */
export function decodeDense(bytes: Uint8Array, dtype: DenseDtype): Float32Array {
  const width = denseBytes[dtype];
  const { buffer, byteOffset, byteLength } = aligned(bytes, width);
  if (dtype === 'float32') return new Float32Array(buffer, byteOffset, byteLength / width);
  const halves = new Uint16Array(buffer, byteOffset, byteLength / width);
  return dtype === 'bfloat16' ? bfloat16ToFloat32(halves) : float16ToFloat32(halves);
}

/** {@link decodeDense} into an array that is there already and at least as long. Gives the part that was filled. */
export function decodeDenseInto(bytes: Uint8Array, dtype: DenseDtype, values: Float32Array): Float32Array {
  const count = bytes.byteLength / denseBytes[dtype];
  if (dtype === 'bfloat16') {
    const { buffer, byteOffset } = aligned(bytes, 2);
    bfloat16Into(new Uint16Array(buffer, byteOffset, count), values);
  } else values.set(decodeDense(bytes, dtype));
  return values.subarray(0, count);
}

/** The values of dense storage as float32. The result may share memory with the source: do not write to it. */
export async function readDense(storage: DenseStorage): Promise<Float32Array> {
  return decodeDense(await readAll(storage.bytes), storage.dtype);
}
