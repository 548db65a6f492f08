import {
  callHook,
  createModelEditor,
  type Model,
  type NamedModifier,
  type Region,
  TampError,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { IntermediateCache } from '../cache/intermediate-cache.js';
import { typedValues } from '../cache/typed-values.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { FinishedParameters } from './finished-parameters.js';

/** A region that holds nothing. */
const nowhere: Region = { name: 'nowhere', nodes: new Set() };

/**
 * Lets modifiers choose their layers in the model as it was at the start, as they did when the run first started:
 * their hooks are called for a region without nodes.
 */
export async function chooseAgain(model: Model, modifiers: readonly NamedModifier[]): Promise<void> {
  for (const { name, modifier } of modifiers) {
    const editor = createModelEditor(model);
    await callHook(name, () => modifier.observe?.(nowhere, editor.model) ?? []);
    await callHook(name, async () => modifier.rewrite?.(nowhere, editor));
  }
}

/** The model as a checkpoint holds it, given the one the run started from. */
export function modelOf(model: Model, { graph, parameters, removed }: Checkpoint): Model {
  const now = new Map(model.parameters);
  for (const name of removed) now.delete(name);
  for (const parameter of parameters) now.set(parameter.name, parameter);
  return { ...model, graph, parameters: now };
}

/** Puts a checkpoint's values back into the cache. */
export async function restoreValues({ values }: Checkpoint, cache: IntermediateCache): Promise<void> {
  for (const { users, shape, dtype, read } of values) {
    const tensor = tf.tensor(typedValues(await read(), dtype), [...shape], dtype);
    try {
      for (const { batch, name } of users) await cache.put(batch, name, tensor);
    } finally {
      tensor.dispose();
    }
  }
}

/** A checkpoint's model with its finished parameters put where they go, in the order of the first time. */
export async function finishAgain(
  model: Model,
  { finished }: Checkpoint,
  sink: FinishedParameters,
): Promise<Model> {
  const moved = new Map(model.parameters);
  for (const name of finished) {
    const parameter = model.parameters.get(name);
    if (parameter !== undefined) moved.set(name, await sink.putSaved(parameter));
  }
  return { ...model, parameters: moved };
}

/** What a run has changed so far. */
export function changesOf(
  original: Model,
  now: Model,
  sink: FinishedParameters,
): Pick<Checkpoint, 'graph' | 'parameters' | 'finished' | 'removed'> {
  return {
    graph: now.graph,
    parameters: [...now.parameters.values()]
      .filter((parameter) => original.parameters.get(parameter.name) !== parameter)
      .map((parameter) => sink.asSaved(parameter)),
    finished: [...sink.names],
    removed: [...original.parameters.keys()].filter((name) => !now.parameters.has(name)),
  };
}

/** Throws a `TampError` (`usage`) when a checkpoint is of a run with other subgraphs. */
export function checkProgress({ next }: Checkpoint, subgraphs: number): void {
  if (Number.isSafeInteger(next) && next >= 0 && next <= subgraphs) return;
  throw new TampError(`the checkpoint stands before part ${next + 1} of a run that has ${subgraphs}`, {
    code: 'usage',
    remedy: 'It is of another run: start without resuming.',
  });
}
