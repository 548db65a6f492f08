import type { ValueDtype } from '@tamp/core';

/** Little-endian bytes as numbers of a data type; they may share memory. */
export function typedValues(bytes: Uint8Array, dtype: ValueDtype): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'bool') return bytes;
  // A file's bytes may start anywhere.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return dtype === 'float32'
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Int32Array(buffer, byteOffset, byteLength / 4);
}
