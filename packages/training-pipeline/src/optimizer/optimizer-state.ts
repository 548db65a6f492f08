import * as tf from '@tensorflow/tfjs-core';
import type { SavedTensor } from '../checkpoint/checkpoint.js';

/** The powers of Adam's decay rates; `setWeights` computes them anew by `pow`, whose last bits differ. */
const accumulators = ['accBeta1', 'accBeta2'];

function accumulator(optimizer: tf.Optimizer, name: string): tf.Variable | undefined {
  const field: unknown = Reflect.get(optimizer, name);
  return field instanceof tf.Variable ? field : undefined;
}

async function saved(name: string, tensor: tf.Tensor): Promise<SavedTensor> {
  return { name, shape: [...tensor.shape], values: Float32Array.from(await tensor.data()) };
}

/** Everything an optimizer has gathered, to the bit. */
export async function saveOptimizer(optimizer: tf.Optimizer): Promise<readonly SavedTensor[]> {
  const tensors: SavedTensor[] = [];
  const weights = await optimizer.getWeights();
  for (const { name, tensor } of weights) tensors.push(await saved(name, tensor));
  // The count of iterations is a tensor made for the call.
  weights[0]?.tensor.dispose();
  for (const name of accumulators) {
    const variable = accumulator(optimizer, name);
    if (variable !== undefined) tensors.push(await saved(name, variable));
  }
  return tensors;
}

/** Gives a fresh optimizer of the same kind what {@link saveOptimizer} took. */
export async function restoreOptimizer(
  optimizer: tf.Optimizer,
  state: readonly SavedTensor[],
): Promise<void> {
  const weights = state
    .filter(({ name }) => !accumulators.includes(name))
    .map(({ name, shape, values }, i) => ({
      name,
      tensor: tf.tensor(values, [...shape], i === 0 ? 'int32' : 'float32'),
    }));
  await optimizer.setWeights(weights);
  tf.dispose(weights.map(({ tensor }) => tensor));
  for (const { name, shape, values } of state) {
    const variable = accumulators.includes(name) ? accumulator(optimizer, name) : undefined;
    tf.tidy(() => variable?.assign(tf.tensor(values, [...shape])));
  }
}
