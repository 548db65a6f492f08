import * as tf from '@tensorflow/tfjs-core';
import { type Compute, differentiable } from '../noise/differentiable.js';
import { floatsOf, readsAtOnce } from '../noise/synchronous-backend.js';
import { lsqGradients, lsqLevels, lsqRange, lsqValues, smallestStep } from './lsq-maths.js';

/** The weight as LSQ quantizes it, one differentiable operation of the weight and its step ([1]). */
export function lsqWeight(weight: tf.Tensor, step: tf.Tensor, bits: number): tf.Tensor {
  return differentiable(readsAtOnce() ? lsqOverArrays(bits) : lsqOverTensors(bits), weight, step);
}

/** The forward and backward passes over typed arrays. */
export function lsqOverArrays(bits: number): Compute {
  return (weight, step) => {
    const weights = floatsOf(weight);
    const s = Math.max(floatsOf(step)[0], smallestStep);
    return {
      value: tf.tensor(lsqValues(lsqLevels(weights, s, bits), s), weight.shape),
      gradFunc(dy) {
        const gradients = lsqGradients(weights, s, bits, floatsOf(dy));
        return [tf.tensor(gradients.weights, weight.shape), tf.tensor([gradients.step], step.shape)];
      },
    };
  };
}

/** The same by tfjs operations, for backends whose data cannot be read at once. */
export function lsqOverTensors(bits: number): Compute {
  const { lowest, highest } = lsqRange(bits);
  return (weight, step, save) => {
    const s = tf.maximum(step, smallestStep);
    const v = tf.div(weight, s);
    const level = tf.round(tf.clipByValue(v, lowest, highest));
    save([v, level]);
    return {
      value: tf.mul(level, s),
      gradFunc(dy, [v, level]) {
        const inRange = tf.cast(
          tf.logicalAnd(tf.greaterEqual(v, lowest), tf.lessEqual(v, highest)),
          'float32',
        );
        const slope = tf.sub(level, tf.mul(v, inRange));
        const byStep = tf.mul(tf.sum(tf.mul(dy, slope)), 1 / Math.sqrt(weight.size * highest));
        return [tf.mul(dy, inRange), tf.reshape(byStep, step.shape)];
      },
    };
  };
}
