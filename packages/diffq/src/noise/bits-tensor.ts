import * as tf from '@tensorflow/tfjs-core';
import type { BitsRule } from '../maths/bits.js';

/** What {@link bitsTensors} gives. */
export interface BitsTensors {
  readonly bits: tf.Tensor;
  /** Derivative by the logit. */
  readonly slopes: tf.Tensor;
}

/** `bitsOfLogits` and `bitsSlopes` as tfjs operations, for backends whose data cannot be read at once. */
export function bitsTensors(logits: tf.Tensor, { param, minBits, maxBits }: BitsRule): BitsTensors {
  const t = tf.sigmoid(logits);
  const rest = tf.sub(1, t);
  const slope = tf.mul(t, rest);
  if (param === 'bits') {
    return {
      bits: tf.add(tf.mul(t, maxBits), tf.mul(rest, minBits)),
      slopes: tf.mul(slope, maxBits - minBits),
    };
  }
  const low = -Math.log(2 ** maxBits - 1);
  const high = -Math.log(2 ** minBits - 1);
  const scale = tf.exp(tf.add(tf.mul(t, low), tf.mul(rest, high)));
  return {
    bits: tf.div(tf.log1p(tf.div(1, scale)), Math.LN2),
    slopes: tf.div(tf.mul(slope, (high - low) / Math.LN2), tf.add(scale, 1)),
  };
}
