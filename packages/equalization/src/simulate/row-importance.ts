import { type Model, readParameter } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Group } from '../groups/group.js';

/** Energy of each channel's columns in all readers of a group. */
async function columnEnergies(model: Model, { readers, channels, channelOf }: Group): Promise<Float64Array> {
  const energies = new Float64Array(channels);
  for (const { weight } of readers) {
    const parameter = model.parameters.get(weight);
    if (parameter === undefined) continue;
    const inner = parameter.shape.slice(2).reduce((product, size) => product * size, 1);
    const values = await readParameter(parameter);
    for (const [at, value] of values.entries()) {
      energies[channelOf[Math.floor(at / inner) % channelOf.length]] += value * value;
    }
  }
  return energies;
}

/**
 * How much the next layer makes of each output channel of a layer: the norm of the columns that read it, as a tensor
 * that broadcasts over the layer's output. Weighing outputs by it gives errors in units that do not change when scale
 * moves from the one layer to the other. Undefined when no group takes the layer's rows up: all channels count alike.
 */
export async function rowImportance(
  model: Model,
  groups: readonly Group[],
  weight: string,
): Promise<tf.Tensor | undefined> {
  const next = groups.find(({ site }) => 'weight' in site && site.weight === weight);
  if (next === undefined || !('weight' in next.site)) return undefined;
  const energies = await columnEnergies(model, next);
  const image = next.site.node.operator === 'conv2d';
  const shape = image ? [energies.length, 1, 1] : [energies.length];
  return tf.tensor(Float32Array.from(energies, Math.sqrt), shape);
}
