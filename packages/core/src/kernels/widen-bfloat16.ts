import * as tf from '@tensorflow/tfjs-core';
import { decodeDense } from '../parameters/read-dense.js';
import { hasCalibrationKernel, runCalibrationKernel } from './calibration-kernel.js';

/** The same bytes as whole words, at an address a word may start at. */
function wordsOf(bytes: Uint8Array): Int32Array {
  if (bytes.byteOffset % 4 === 0 && bytes.byteLength % 4 === 0) {
    return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }
  const words = new Int32Array(Math.ceil(bytes.byteLength / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

/**
 * Little-endian bfloat16 bytes as a float32 tensor; exact. The caller disposes of it.
 *
 * Contract of `TampWidenBfloat16`: input bits int32 [⌈length / 2⌉], two numbers to a word, the lower half first; attribute
 * length. Result: float32 [length].
 */
export function widenBfloat16(bytes: Uint8Array, shape: readonly number[]): tf.Tensor {
  if (!hasCalibrationKernel('TampWidenBfloat16')) {
    return tf.tensor(decodeDense(bytes, 'bfloat16'), [...shape], 'float32');
  }
  const words = wordsOf(bytes);
  const [values] = runCalibrationKernel(
    'TampWidenBfloat16',
    { bits: { values: words, shape: [words.length] } },
    { length: bytes.byteLength / 2 },
  );
  try {
    return tf.reshape(values, [...shape]);
  } finally {
    values.dispose();
  }
}
