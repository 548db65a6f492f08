import * as tf from '@tensorflow/tfjs-core';

/**
 * Integers as float32. On WebGPU a cast alone only relabels the buffer, and some of tfjs's programs then read integers
 * where they expect floats; the sum writes floats.
 */
export function integersAsFloats(x: tf.Tensor): tf.Tensor {
  return tf.add(tf.cast(x, 'float32'), 0);
}
