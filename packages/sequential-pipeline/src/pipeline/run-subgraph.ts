import {
  type CalibrationBatches,
  createModelRunner,
  type Model,
  type Observation,
  TampError,
  type ValueObserver,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { IntermediateCache } from '../cache/intermediate-cache.js';
import { crossingName, type Subgraph } from '../partition/subgraph.js';
import { canJoin, joinBatches, splitValue } from './joined-batches.js';

/** One pass of all batches through a subgraph. */
export interface SubgraphPass {
  readonly batches: CalibrationBatches['count'];
  /** Batches that flow together, where that changes nothing: observers and the cache get each by itself. */
  readonly together: number;
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

/** Several observers as one that gives them each batch of a joined value by itself, in order. */
function observeEach(
  observe: ReadonlyMap<string, ValueObserver>,
  samples: readonly number[],
): typeof observe {
  return new Map(
    [...observe].map(([node, one]): [string, ValueObserver] => [
      node,
      async (value, at) => {
        const parts = splitValue(value, samples);
        try {
          for (const part of parts) await one(part, at);
        } finally {
          tf.dispose(parts);
        }
      },
    ]),
  );
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
  const step = pass.together > 1 && canJoin(model, subgraph, pass.observations) ? pass.together : 1;
  const runner = createModelRunner({ ...model, graph: subgraph.graph });

  const runOn = async (
    inputs: Readonly<Record<string, tf.Tensor>>,
    observers: typeof observe,
    keep: (name: string, value: tf.Tensor) => Promise<void>,
  ): Promise<void> => {
    const outputs = await runner.run(inputs, {
      observe: observers,
      outputs: kept.map(crossingName),
      signal: pass.signal,
    });
    try {
      for (const name of kept) await keep(name, outputs[crossingName(name)]);
    } finally {
      tf.dispose(outputs);
    }
  };
  const keepOne = async (name: string, value: tf.Tensor, batch: number): Promise<void> => {
    await checkFiniteOutput(value, name, batch);
    await cache.put(batch, name, value);
  };

  try {
    for (let first = 0; first < pass.batches; first += step) {
      const batches: Record<string, tf.Tensor>[] = [];
      try {
        for (let batch = first; batch < Math.min(pass.batches, first + step); batch++) {
          const inputs: Record<string, tf.Tensor> = {};
          batches.push(inputs);
          for (const name of subgraph.inputs) inputs[name] = await cache.get(batch, name);
        }
        const joined = batches.length > 1 ? joinBatches(batches) : undefined;
        if (joined === undefined) {
          for (const [i, inputs] of batches.entries()) {
            await runOn(inputs, observe, (name, value) => keepOne(name, value, first + i));
          }
        } else {
          const { inputs, samples } = joined;
          // The batches' own tensors are in it.
          tf.dispose(batches.splice(0));
          batches.push({ ...inputs });
          // Outputs that share their data go on sharing it.
          const split: { readonly of: tf.Tensor; readonly parts: tf.Tensor[] }[] = [];
          try {
            await runOn(inputs, observeEach(observe, samples), async (name, value) => {
              let known = split.find(
                ({ of }) => of.dataId === value.dataId && of.shape.join() === value.shape.join(),
              );
              if (known === undefined) {
                known = { of: value, parts: splitValue(value, samples) };
                split.push(known);
              }
              for (const [i, part] of known.parts.entries()) await keepOne(name, part, first + i);
            });
          } finally {
            tf.dispose(split.map(({ parts }) => parts));
          }
        }
      } finally {
        tf.dispose(batches);
      }
      pass.onBatch(Math.min(pass.batches, first + step));
    }
  } finally {
    runner.dispose();
  }
}
