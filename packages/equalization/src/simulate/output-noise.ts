import {
  type AffineScheme,
  dequantizeWeight,
  matrixShape,
  type OperatorNode,
  operators,
  type PlannedQuantization,
  quantizeWithSearch,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** Smallest scale of PyTorch's observers. */
const smallestScale = 2 ** -23;

/** Scales that a range search tries: enough to compare strengths by. */
const searchPoints = 64;

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

/** All axes of a tensor but the last. */
function outerAxes({ rank }: tf.Tensor): number[] {
  return Array.from({ length: rank - 1 }, (_, i) => i);
}

/**
 * A value as activations would hold it. A row of a matrix is a token, an image is one too. Blocks of a row hold no
 * other block's loud channels: next to weights of few bits they count as float.
 */
function roundActivation(x: tf.Tensor, { activation }: PlannedQuantization): tf.Tensor {
  if (activation === 'none' || activation === 'block') return x;
  return activation === 'token' ? symmetric(x, innerAxes(x)) : affine(x);
}

/**
 * A weight [output channels, …] by a scheme, dequantized. Each range is the one of smallest error, weighted by the mean
 * square of its inputs `x`, as modifiers that make weights of few bits choose it.
 */
async function roundWithSearch(x: tf.Tensor, weight: tf.Tensor, scheme: AffineScheme): Promise<tf.Tensor> {
  const { rows, columns } = matrixShape(weight.shape);
  const values = await weight.data<'float32'>();
  // A convolution's columns are windows of the input: all count alike.
  const power = weight.rank === 2 ? tf.tidy(() => tf.mean(tf.square(x), outerAxes(x))) : undefined;
  const importance = await power?.data<'float32'>();
  power?.dispose();
  const search = { gridPoints: searchPoints, ...(importance === undefined ? {} : { importance }) };
  const quantized = await quantizeWithSearch(values, rows, columns, scheme, { search });
  return tf.tensor(dequantizeWeight(quantized), weight.shape);
}

/** A weight [output channels, …] as integers would hold it, for inputs `x`. */
async function roundWeight(
  x: tf.Tensor,
  weight: tf.Tensor,
  { weights }: PlannedQuantization,
): Promise<tf.Tensor> {
  const { kind } = weights.granularity;
  if (weights.bits < 8 || kind === 'group') return roundWithSearch(x, weight, weights);
  // Whether one scale has a zero point as well makes no difference to which channels are loud.
  return tf.tidy(() => symmetric(weight, kind === 'channel' ? innerAxes(weight) : [0, ...innerAxes(weight)]));
}

/** Energy of a layer's output and of the error that quantization makes in it. */
export interface OutputNoise {
  readonly signal: number;
  readonly noise: number;
}

/**
 * Runs a layer without its bias, in float and quantized, on a sample of its input. `outputFactor`, which broadcasts over
 * the output, brings outputs to the units they are compared in.
 */
export async function outputNoise(
  node: OperatorNode,
  x: tf.Tensor,
  weight: tf.Tensor,
  quantization: PlannedQuantization,
  outputFactor?: tf.Tensor,
): Promise<OutputNoise> {
  const roundedWeight = await roundWeight(x, weight, quantization);
  const energies = tf.tidy(() => {
    const { run } = operators.get(node.operator);
    const outputs = (input: tf.Tensor, of: tf.Tensor): tf.Tensor => {
      const y = run([input, of], node.attributes);
      return outputFactor === undefined ? y : tf.mul(y, outputFactor);
    };
    const exact = outputs(x, weight);
    const rounded = outputs(roundActivation(x, quantization), roundedWeight);
    return tf.stack([tf.sum(tf.square(exact)), tf.sum(tf.squaredDifference(exact, rounded))]);
  });
  roundedWeight.dispose();
  const [signal, noise] = await energies.data();
  energies.dispose();
  return { signal, noise };
}

/** Signal-to-noise ratio in decibels; undefined where there is no signal or no noise. */
export function decibels({ signal, noise }: OutputNoise): number | undefined {
  return signal > 0 && noise > 0 ? 10 * Math.log10(signal / noise) : undefined;
}
