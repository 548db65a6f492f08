import * as tf from '@tensorflow/tfjs-core';
import { type BitsRule, bitsOfLogits, bitsSlopes } from '../maths/bits.js';
import { bitsTensors } from './bits-tensor.js';
import { type Compute, differentiable } from './differentiable.js';
import { addNoise, noiseGradients } from './noise-maths.js';
import { floatsOf, readsAtOnce } from './synchronous-backend.js';

/** What {@link noisyWeight} adds noise to, and how. */
export interface NoiseOperation {
  readonly weight: tf.Tensor;
  /** One per group. */
  readonly logits: tf.Tensor;
  readonly groupSize: number;
  readonly rule: BitsRule;
  /** u of each element. */
  readonly noise: Float32Array;
  /** Called once when the noise is no longer needed: its memory serves the next step. */
  readonly release: () => void;
  /** Name of the parameter, for errors. */
  readonly layer: string;
}

/**
 * A weight with pseudo quantization noise, as one differentiable operation of weight and logits: w + Δ·u/(2^b − 1). On
 * backends whose data can be read at once it is one pass over typed arrays each way; elsewhere tfjs operations with a
 * gradient of their own (tfjs's max would give every tie the whole gradient).
 */
export function noisyWeight(operation: NoiseOperation): tf.Tensor {
  const compute = readsAtOnce() ? overArrays(operation) : overTensors(operation);
  return differentiable(compute, operation.weight, operation.logits);
}

/** The forward and backward passes over typed arrays. */
export function overArrays({ groupSize, rule, noise, layer, release }: NoiseOperation): Compute {
  return (weight, logits) => {
    const logitValues = floatsOf(logits);
    const inputs = {
      weights: floatsOf(weight),
      bits: bitsOfLogits(logitValues, rule),
      groupSize,
      noise,
    };
    const forward = addNoise(inputs, layer);
    return {
      value: tf.tensor(forward.values, weight.shape),
      gradFunc(dy) {
        const gradients = noiseGradients(inputs, forward, floatsOf(dy));
        const slopes = bitsSlopes(logitValues, rule);
        for (let g = 0; g < slopes.length; g++) slopes[g] *= gradients.bits[g];
        release();
        return [tf.tensor(gradients.weights, weight.shape), tf.tensor(slopes, logits.shape)];
      },
    };
  };
}

/** The same by tfjs operations. */
export function overTensors({ groupSize, rule, noise, release }: NoiseOperation): Compute {
  return (weight, logits, save) => {
    const groups = logits.size;
    const flat = tf.reshape(weight, [groups, groupSize]);
    // A copy, for the backend may keep the array it is given until it uploads it.
    const u = tf.tensor2d(noise.slice(), [groups, groupSize]);
    release();
    const { bits, slopes } = bitsTensors(tf.reshape(logits, [groups, 1]), rule);
    const scale = tf.div(1, tf.sub(tf.pow(2, bits), 1));
    const min = tf.min(flat);
    const max = tf.max(flat);
    const range = tf.sub(max, min);
    const value = tf.reshape(tf.add(flat, tf.mul(tf.mul(scale, range), u)), weight.shape);
    save([flat, u, slopes, scale, min, max, range]);
    return {
      value,
      gradFunc(dy, [flat, u, slopes, scale, min, max, range]) {
        const g = tf.reshape(dy, [groups, groupSize]);
        const perGroup = tf.sum(tf.mul(g, u), 1, true);
        const byRange = tf.sum(tf.mul(perGroup, scale));
        const largest = tf.cast(tf.equal(flat, max), 'float32');
        const smallest = tf.cast(tf.equal(flat, min), 'float32');
        const share = (mask: tf.Tensor): tf.Tensor => tf.div(tf.mul(mask, byRange), tf.sum(mask));
        const byWeight = tf.sub(tf.add(g, share(largest)), share(smallest));
        const byBits = tf.mul(tf.mul(perGroup, tf.mul(scale, tf.add(scale, 1))), tf.mul(range, -Math.LN2));
        return [tf.reshape(byWeight, weight.shape), tf.reshape(tf.mul(byBits, slopes), logits.shape)];
      },
    };
  };
}
