import { roundHalfEven } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { type BitsRule, bitsOfLogits, bitsSlopes } from '../maths/bits.js';
import { codeBits } from '../maths/rounded-bits.js';
import { bitsTensors } from '../noise/bits-tensor.js';
import { floatsOf, readsAtOnce } from '../noise/synchronous-backend.js';

/** Bits of one MiB. */
export const bitsPerMiB: number = 2 ** 23;

/** What a quantized parameter stores beside its levels and its groups' bits: the range and the width of a code. */
const headerBits = 64 + 8;

/** Size of one quantized parameter in bits, from its groups' bits (extra bits included). */
export function parameterBits(bits: ArrayLike<number>, groupSize: number, minBits: number): number {
  let sum = 0;
  let largest = 0;
  for (let g = 0; g < bits.length; g++) {
    sum += bits[g];
    if (bits[g] > largest) largest = bits[g];
  }
  return groupSize * sum + headerBits + codeBits(roundHalfEven(largest), minBits) * bits.length;
}

/** One parameter's share of {@link differentiableSize}. */
export interface SizedLogits {
  readonly logits: tf.Tensor;
  readonly groupSize: number;
}

/**
 * `factor` times the model size in MiB, as one differentiable operation of all logits. `fixedBits` is what does not
 * depend on them. The width of the codes counts, but has no gradient.
 */
export function differentiableSize(
  parameters: readonly SizedLogits[],
  rule: BitsRule,
  extraBits: number,
  fixedBits: number,
  factor: number,
): tf.Scalar {
  const groupSizes = parameters.map(({ groupSize }) => groupSize);
  const operation = readsAtOnce() ? sizeOverArrays : sizeOverTensors;
  return tf.customGrad<tf.Scalar>((...inputs) =>
    operation(
      inputs.slice(0, parameters.length) as tf.Tensor[],
      groupSizes,
      rule,
      extraBits,
      fixedBits,
      factor,
    ),
  )(...parameters.map(({ logits }) => logits));
}

interface SizeOperation {
  readonly value: tf.Scalar;
  readonly gradFunc: (dy: tf.Tensor) => tf.Tensor[];
}

type ComputeSize = (
  logits: readonly tf.Tensor[],
  groupSizes: readonly number[],
  rule: BitsRule,
  extraBits: number,
  fixedBits: number,
  factor: number,
) => SizeOperation;

/** The forward and backward passes over typed arrays. */
export const sizeOverArrays: ComputeSize = (logits, groupSizes, rule, extraBits, fixedBits, factor) => {
  const values = logits.map(floatsOf);
  let total = fixedBits;
  values.forEach((array, i) => {
    const bits = bitsOfLogits(array, rule);
    for (let g = 0; g < bits.length; g++) bits[g] += extraBits;
    total += parameterBits(bits, groupSizes[i], rule.minBits);
  });
  return {
    value: tf.scalar((factor * total) / bitsPerMiB),
    gradFunc(dy) {
      const scale = (floatsOf(dy)[0] * factor) / bitsPerMiB;
      return values.map((array, i) => {
        const slopes = bitsSlopes(array, rule);
        for (let g = 0; g < slopes.length; g++) slopes[g] *= scale * groupSizes[i];
        return tf.tensor(slopes, logits[i].shape);
      });
    },
  };
};

/** The same by tfjs operations, for backends whose data cannot be read at once. */
export const sizeOverTensors: ComputeSize = (logits, groupSizes, rule, extraBits, fixedBits, factor) => {
  const total = logits.reduce<tf.Tensor>((sum, tensor, i) => {
    const bits = tf.add(bitsTensors(tensor, rule).bits, extraBits);
    const largest = tf.sub(tf.round(tf.max(bits)), rule.minBits);
    // ceil(log2(1 + m)) without logarithms, which are not exact: one bit for each power of two that m reaches.
    const width = tf.sum(tf.cast(tf.greaterEqual(largest, tf.tensor1d([1, 2, 4, 8, 16, 32])), 'float32'));
    return tf.add(
      sum,
      tf.add(tf.mul(tf.sum(bits), groupSizes[i]), tf.add(tf.mul(width, tensor.size), headerBits)),
    );
  }, tf.scalar(fixedBits));
  return {
    value: tf.mul<tf.Scalar>(total, factor / bitsPerMiB),
    gradFunc: (dy) =>
      logits.map((tensor, i) =>
        tf.mul(bitsTensors(tensor, rule).slopes, tf.mul(dy, (factor * groupSizes[i]) / bitsPerMiB)),
      ),
  };
};
