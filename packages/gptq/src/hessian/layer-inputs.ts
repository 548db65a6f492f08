import { matrixShape, type Observation, type SecondMomentsObserver, secondMomentsObserver } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ChosenLayer } from '../choose-layers.js';
import { im2col } from './im2col.js';

function numberOf(layer: ChosenLayer, attribute: string): number {
  const value = layer.node.attributes[attribute];
  return typeof value === 'number' ? value : 0;
}

/** The rows that a layer multiplies with its weight, from the value of its input node. */
async function rowsOf(layer: ChosenLayer, input: tf.Tensor): Promise<Float32Array> {
  const values = await input.data<'float32'>();
  if (layer.node.operator !== 'conv2d') return values;
  const [batch, channels, height, width] = input.shape;
  const [, , kernelHeight, kernelWidth] = layer.parameter.shape;
  return im2col(values, {
    input: [batch, channels, height, width],
    kernelHeight,
    kernelWidth,
    stride: numberOf(layer, 'stride'),
    padding: numberOf(layer, 'padding'),
  });
}

/** What layers have in common when they see the same rows: their input, and for convolutions the patches cut from it. */
export function inputKey(layer: ChosenLayer): string {
  const { node, parameter } = layer;
  if (node.operator !== 'conv2d') return node.inputs[0];
  const patch = [...parameter.shape.slice(2), numberOf(layer, 'stride'), numberOf(layer, 'padding')];
  return `${node.inputs[0]} in patches of ${patch.join(' ')}`;
}

/** One accumulator for each input that layers share, by {@link inputKey}, and the observations that fill them. */
export function observeInputs(layers: readonly ChosenLayer[]): {
  readonly accumulators: ReadonlyMap<string, SecondMomentsObserver>;
  readonly observations: readonly Observation[];
} {
  const accumulators = new Map<string, SecondMomentsObserver>();
  const observations: Observation[] = [];
  for (const layer of layers) {
    const key = inputKey(layer);
    if (accumulators.has(key)) continue;
    const { columns } = matrixShape(layer.parameter.shape);
    const accumulator = secondMomentsObserver(columns, layer.layer);
    accumulators.set(key, accumulator);
    observations.push({
      node: layer.node.inputs[0],
      observe: async (value) => accumulator.add(await rowsOf(layer, value)),
    });
  }
  return { accumulators, observations };
}
