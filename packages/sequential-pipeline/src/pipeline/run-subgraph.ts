import {
  type CalibrationBatches,
  createModelRunner,
  type Model,
  type Observation,
  TampError,
  type ValueObserver,
} from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { IntermediateCache } from '../cache/intermediate-cache.js';
import { crossingName, type Subgraph } from '../partition/subgraph.js';

/** One pass of all batches through a subgraph. */
export interface SubgraphPass {
  readonly batches: CalibrationBatches['count'];
  readonly observations: readonly Observation[];
  /** Keep the values that later subgraphs need. */
  readonly keepOutputs: boolean;
  readonly signal: AbortSignal;
  readonly onBatch: (done: number) => void;
}

/** All observers of a node as one. */
function observersByNode(observations: readonly Observation[]): ReadonlyMap<string, ValueObserver> {
  const byNode = new Map<string, ValueObserver[]>();
  for (const { node, observe } of observations) byNode.set(node, [...(byNode.get(node) ?? []), observe]);
  return new Map(
    [...byNode].map(([node, observers]): [string, ValueObserver] => [
      node,
      async (value, at) => {
        for (const observe of observers) await observe(value, at);
      },
    ]),
  );
}

async function checkFiniteOutput(value: tf.Tensor, name: string, batch: number): Promise<void> {
  if (value.dtype !== 'float32') return;
  const numbers = await value.data<'float32'>();
  let poison = 0;
  for (const number of numbers) poison += number - number;
  if (poison === 0) return;
  const bad = numbers.findIndex((number) => !Number.isFinite(number));
  throw new TampError(`its output is ${numbers[bad]} for calibration batch ${batch + 1}`, {
    code: 'data',
    at: { layer: name },
    remedy: 'Check the weights up to this layer, and the calibration data, for NaN, infinities and overflow.',
  });
}

/**
 * Runs every batch through a subgraph of `model`, from the cache and into it. The subgraph's parameters are read at
 * the start and freed at the end. Computes no further than observers and kept outputs need. Rejects with a `TampError`
 * (`data`) that names the layer when an output is not finite.
 */
export async function runSubgraph(
  model: Model,
  subgraph: Subgraph,
  cache: IntermediateCache,
  pass: SubgraphPass,
): Promise<void> {
  const observe = observersByNode(pass.observations);
  const kept = pass.keepOutputs ? subgraph.outputs : [];
  const runner = createModelRunner({ ...model, graph: subgraph.graph });
  try {
    for (let batch = 0; batch < pass.batches; batch++) {
      const inputs: Record<string, tf.Tensor> = {};
      let outputs: Readonly<Record<string, tf.Tensor>> = {};
      try {
        for (const name of subgraph.inputs) inputs[name] = await cache.get(batch, name);
        outputs = await runner.run(inputs, {
          observe,
          outputs: kept.map(crossingName),
          signal: pass.signal,
        });
        for (const name of kept) {
          const value = outputs[crossingName(name)];
          await checkFiniteOutput(value, name, batch);
          await cache.put(batch, name, value);
        }
      } finally {
        for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.dispose();
      }
      pass.onBatch(batch + 1);
    }
  } finally {
    runner.dispose();
  }
}
