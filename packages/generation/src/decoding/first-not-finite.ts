import type { GraphNode, ModelRunner, ValueObserver } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';

/** Name of the first layer whose output holds NaN or infinity; undefined where each is finite. Reads every value back. */
export async function firstNotFinite(
  runner: ModelRunner,
  inputs: Readonly<Record<string, tf.Tensor>>,
): Promise<string | undefined> {
  let layer: string | undefined;
  const look: ValueObserver = async (value, node: GraphNode) => {
    if (layer !== undefined) return;
    // A cache's memory may be larger than its tensor, with anything behind it.
    const values = (await value.data()).subarray(0, value.size);
    if (values.some((one) => !Number.isFinite(one))) layer = node.scope === '' ? node.name : node.scope;
  };
  const watched = runner.model.graph.nodes.filter(({ kind }) => kind === 'operator');
  await runner.run(inputs, { outputs: [], observe: new Map(watched.map(({ name }) => [name, look])) });
  return layer;
}
