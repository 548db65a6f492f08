import type * as tf from '@tensorflow/tfjs-core';
import { createModelRunner, type ValueObserver } from '../execution/model-runner.js';
import type { Model } from '../model/model.js';
import type { Observation } from '../modifiers/modifier.js';
import { driveWholeModel } from './drive-whole-model.js';
import type { NamedModifier, PipelineOptions, PipelineResult } from './pipeline.js';

/** Batches of inputs by name, made anew for each pass; who asks for a batch disposes of its tensors. */
export interface CalibrationBatches {
  readonly count: number;
  /** Batch `index`, 0-based. */
  batch(index: number): Promise<Readonly<Record<string, tf.Tensor>>>;
}

/** All observers of a node as one. */
function observersByNode(observations: readonly Observation[]): ReadonlyMap<string, ValueObserver> {
  const byNode = new Map<string, ValueObserver[]>();
  for (const { node, observe } of observations) byNode.set(node, [...(byNode.get(node) ?? []), observe]);
  return new Map(
    [...byNode].map(([node, list]): [string, ValueObserver] => [
      node,
      async (value, at) => {
        for (const observe of list) await observe(value, at);
      },
    ]),
  );
}

/**
 * Drives modifiers over the whole model at once, each with a calibration pass of its own over the model as those
 * before it left it.
 */
export function runBasic(
  model: Model,
  modifiers: readonly NamedModifier[],
  data: CalibrationBatches,
  options: PipelineOptions = {},
): Promise<PipelineResult> {
  return driveWholeModel(model, modifiers, options, async (current, observations, modifier) => {
    const runner = createModelRunner(current);
    const observe = observersByNode(observations);
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    try {
      for (let index = 0; index < data.count; index++) {
        const inputs = await data.batch(index);
        try {
          const outputs = await runner.run(inputs, { observe, ...signal });
          for (const output of Object.values(outputs)) output.dispose();
        } finally {
          for (const input of Object.values(inputs)) input.dispose();
        }
        options.onBatch?.(index + 1, data.count, modifier);
      }
    } finally {
      runner.dispose();
    }
  });
}
