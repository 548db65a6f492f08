import { createModelRunner, type Model } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { crossingName, type Subgraph } from '../../src/index.js';

async function taken(tensor: tf.Tensor): Promise<Float32Array> {
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

/** The model's outputs from one run of the whole graph. */
export async function runWhole(
  model: Model,
  inputs: Readonly<Record<string, tf.Tensor>>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const runner = createModelRunner(model);
  const results = new Map<string, Float32Array>();
  for (const [name, tensor] of Object.entries(await runner.run(inputs)))
    results.set(name, await taken(tensor));
  runner.dispose();
  return results;
}

/** The model's outputs from its subgraphs in order, each seeing only what it declares and what was not consumed. */
export async function runInOrder(
  model: Model,
  subgraphs: readonly Subgraph[],
  inputs: Readonly<Record<string, tf.Tensor>>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const live = new Map(Object.entries(inputs).map(([name, tensor]) => [name, tensor.clone()]));
  const results = new Map<string, Float32Array>();
  for (const subgraph of subgraphs) {
    const fed = Object.fromEntries(
      subgraph.inputs.map((name) => {
        const tensor = live.get(name);
        if (tensor === undefined) throw new Error(`${subgraph.name} lacks ${name}`);
        return [name, tensor];
      }),
    );
    const runner = createModelRunner({ ...model, graph: subgraph.graph });
    const outputs = await runner.run(fed);
    runner.dispose();
    for (const name of subgraph.outputs) live.set(name, outputs[crossingName(name)]);
    for (const [name, tensor] of Object.entries(outputs)) {
      if (!subgraph.outputs.some((value) => crossingName(value) === name))
        results.set(name, await taken(tensor));
    }
    for (const name of subgraph.consumed) {
      live.get(name)?.dispose();
      live.delete(name);
    }
  }
  for (const tensor of live.values()) tensor.dispose();
  return results;
}
