import type { Model } from '../model/model.js';
import { createModelEditor } from '../model/model-editor.js';
import type { Region } from '../modifiers/modifier.js';
import { callHook, type NamedModifier } from '../pipelines/pipeline.js';
import type { Checkpoint } from './checkpoint.js';
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

/** Whether a run of these modifiers can go on between two regions: none has a last word that needs to know all of them. */
export function canResume(modifiers: readonly NamedModifier[]): boolean {
  return modifiers.every(
    ({ modifier }) => modifier.finish === undefined || modifier.restoreState !== undefined,
  );
}

/** What modifiers need to know of the regions so far. */
export function statesOf(modifiers: readonly NamedModifier[]): Checkpoint['states'] {
  return modifiers.map(({ modifier }) => modifier.saveState?.() ?? null);
}

/** Gives modifiers the states of a checkpoint. */
export async function restoreStates(
  modifiers: readonly NamedModifier[],
  { states }: Checkpoint,
): Promise<void> {
  for (const [i, { name, modifier }] of modifiers.entries()) {
    const state = states[i] ?? null;
    if (state !== null) await callHook(name, () => modifier.restoreState?.(state));
  }
}

/** The model as a checkpoint holds it, given the one the run started from. */
export function modelOf(model: Model, { graph, parameters, removed }: Checkpoint): Model {
  const now = new Map(model.parameters);
  for (const name of removed) now.delete(name);
  for (const parameter of parameters) now.set(parameter.name, parameter);
  return { ...model, graph, parameters: now };
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
