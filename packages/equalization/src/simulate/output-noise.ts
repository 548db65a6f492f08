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
import type { LayerInput, ShapedValues } from './layer-input.js';
import { roundSymmetric } from './round-to-int8.js';

/** Scales that a range search tries: enough to compare strengths by. */
const searchPoints = 64;

/** All axes of a tensor but the last. */
function outerAxes({ rank }: tf.Tensor): number[] {
  return Array.from({ length: rank - 1 }, (_, i) => i);
}

/**
 * A weight [output channels, …] by a scheme, dequantized. Each range is the one of smallest error, weighted by the mean
 * square of its inputs `x`, as modifiers that make weights of few bits choose it.
 */
async function roundWithSearch(
  x: tf.Tensor,
  { values, shape }: ShapedValues,
  scheme: AffineScheme,
): Promise<Float32Array> {
  const { rows, columns } = matrixShape(shape);
  // A convolution's columns are windows of the input: all count alike.
  const power = shape.length === 2 ? tf.tidy(() => tf.mean(tf.square(x), outerAxes(x))) : undefined;
  const importance = await power?.data<'float32'>();
  power?.dispose();
  const search = { gridPoints: searchPoints, ...(importance === undefined ? {} : { importance }) };
  return dequantizeWeight(await quantizeWithSearch(values, rows, columns, scheme, { search }));
}

/** A weight [output channels, …] as integers would hold it, for inputs `x`. */
async function roundWeight(
  x: tf.Tensor,
  weight: ShapedValues,
  { weights }: PlannedQuantization,
): Promise<Float32Array> {
  const { values, shape } = weight;
  const { kind } = weights.granularity;
  if (weights.bits < 8 || kind === 'group') return roundWithSearch(x, weight, weights);
  // Whether one scale has a zero point as well makes no difference to which channels are loud.
  return roundSymmetric(values, kind === 'channel' ? values.length / shape[0] : values.length);
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
  input: LayerInput,
  weight: ShapedValues,
  quantization: PlannedQuantization,
  outputFactor?: tf.Tensor,
): Promise<OutputNoise> {
  const roundedWeight = await roundWeight(input.exact, weight, quantization);
  const roundedInput = input.rounded(quantization.activation);
  const energies = tf.tidy(() => {
    const { run } = operators.get(node.operator);
    const outputs = (x: tf.Tensor, of: Float32Array): tf.Tensor => {
      const y = run([x, tf.tensor(of, [...weight.shape])], node.attributes);
      return outputFactor === undefined ? y : tf.mul(y, outputFactor);
    };
    const exact = outputs(input.exact, weight.values);
    const rounded = outputs(roundedInput, roundedWeight);
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
