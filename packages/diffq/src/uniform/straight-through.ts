import { dequantizeUniform, quantizeUniform, uniformRange } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { floatsOf, readsAtOnce } from '../noise/synchronous-backend.js';

/** Values after uniform quantization over their own range and back; `bits` one number or one per group. */
function throughUniform(values: Float32Array, bits: number | ArrayLike<number>, layer: string): Float32Array {
  const range = uniformRange(values, layer);
  return dequantizeUniform(quantizeUniform(values, range, bits), range, bits);
}

/** The same by tfjs operations; `bits` [groups, 1]. A graphics processor's division may round a level otherwise. */
export function throughUniformTensor(value: tf.Tensor, bits: tf.Tensor): tf.Tensor {
  const groups = tf.reshape(value, [bits.size, -1]);
  const min = tf.min(groups);
  const range = tf.sub(tf.max(groups), min);
  const unit = tf.div(1, tf.sub(tf.pow(2, bits), 1));
  const level = tf.round(tf.div(tf.divNoNan(tf.sub(groups, min), range), unit));
  return tf.reshape(tf.add(tf.mul(tf.mul(level, unit), range), min), value.shape);
}

/** w + stopGradient(Q(w) − w): the quantized value, with the gradient going straight through. */
export function straightThrough(value: tf.Tensor, quantize: (value: tf.Tensor) => tf.Tensor): tf.Tensor {
  return tf.customGrad((...inputs) => ({
    value: quantize(inputs[0] as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => dy,
  }))(value);
}

/** A weight as uniform quantization leaves it, straight through; uniform quantization-aware training. */
export function uniformWeight(weight: tf.Tensor, bits: number, layer: string): tf.Tensor {
  return straightThrough(weight, (value) =>
    readsAtOnce()
      ? tf.tensor(throughUniform(floatsOf(value), bits, layer), value.shape)
      : throughUniformTensor(value, tf.scalar(bits)),
  );
}
