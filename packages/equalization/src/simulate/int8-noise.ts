import { type OperatorNode, operators } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Quantization } from '../settings.js';

/** Smallest scale of PyTorch's observers. */
const smallestScale = 2 ** -23;

/** Symmetric int8 with one scale for each slice that `axes` span. */
function symmetric(x: tf.Tensor, axes: number[]): tf.Tensor {
  const scale = tf.maximum(tf.div(tf.max(tf.abs(x), axes, true), 127.5), smallestScale);
  return tf.mul(tf.clipByValue(tf.round(tf.div(x, scale)), -128, 127), scale);
}

/** Affine uint8 with one scale and zero point for the whole tensor. */
function affine(x: tf.Tensor): tf.Tensor {
  const low = tf.minimum(tf.min(x), 0);
  const high = tf.maximum(tf.max(x), 0);
  const scale = tf.maximum(tf.div(tf.sub(high, low), 255), smallestScale);
  const zero = tf.neg(tf.round(tf.div(low, scale)));
  const levels = tf.clipByValue(tf.add(tf.round(tf.div(x, scale)), zero), 0, 255);
  return tf.mul(tf.sub(levels, zero), scale);
}

/** All axes of a tensor but the first. */
function innerAxes({ rank }: tf.Tensor): number[] {
  return Array.from({ length: rank - 1 }, (_, i) => i + 1);
}

/** A value as int8 activations would hold it. A row of a matrix is a token, an image is one too. */
export function roundActivation(x: tf.Tensor, { activation }: Quantization): tf.Tensor {
  return activation === 'token' ? symmetric(x, innerAxes(x)) : affine(x);
}

/** A weight [output channels, …] as int8 would hold it. */
export function roundWeight(weight: tf.Tensor, { weights }: Quantization): tf.Tensor {
  return weights === 'channel'
    ? symmetric(weight, innerAxes(weight))
    : symmetric(weight, [0, ...innerAxes(weight)]);
}

/** Energy of a layer's output and of the error that int8 makes in it. */
export interface OutputNoise {
  readonly signal: number;
  readonly noise: number;
}

/**
 * Runs a layer without its bias, in float and in int8, on a sample of its input. `outputFactor`, which broadcasts over
 * the output, brings outputs to the units they are compared in.
 */
export async function outputNoise(
  node: OperatorNode,
  x: tf.Tensor,
  weight: tf.Tensor,
  quantization: Quantization,
  outputFactor?: tf.Tensor,
): Promise<OutputNoise> {
  const energies = tf.tidy(() => {
    const { run } = operators.get(node.operator);
    const outputs = (input: tf.Tensor, of: tf.Tensor): tf.Tensor => {
      const y = run([input, of], node.attributes);
      return outputFactor === undefined ? y : tf.mul(y, outputFactor);
    };
    const exact = outputs(x, weight);
    const rounded = outputs(roundActivation(x, quantization), roundWeight(weight, quantization));
    return tf.stack([tf.sum(tf.square(exact)), tf.sum(tf.squaredDifference(exact, rounded))]);
  });
  const [signal, noise] = await energies.data();
  energies.dispose();
  return { signal, noise };
}

/** Signal-to-noise ratio in decibels; undefined where there is no signal or no noise. */
export function decibels({ signal, noise }: OutputNoise): number | undefined {
  return signal > 0 && noise > 0 ? 10 * Math.log10(signal / noise) : undefined;
}
