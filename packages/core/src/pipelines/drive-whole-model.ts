import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.js';
import { finishedParameters } from '../checkpoint/finished-parameters.js';
import { changesOf, chooseAgain, finishAgain, modelOf } from '../checkpoint/resume-run.js';
import { TampError } from '../errors/tamp-error.js';
import { type Graph, inputsOf } from '../graph/graph.js';
import type { Model } from '../model/model.js';
import { createModelEditor, type LayerReport } from '../model/model-editor.js';
import type { Observation, Region } from '../modifiers/modifier.js';
import { callHook, type NamedModifier, type PipelineOptions, type PipelineResult } from './pipeline.js';

/** Lets data flow through a model while observations are made. */
export type Calibrate = (
  model: Model,
  observations: readonly Observation[],
  modifier: string,
) => Promise<void>;

/** Options of {@link driveWholeModel}. */
export interface WholeModelOptions extends PipelineOptions {
  /**
   * Saves where the run stands after each modifier, and between the layers of the first one where it settles them; goes
   * on from what is saved there. It must belong to the same model, modifiers and options.
   */
  readonly checkpoint?: CheckpointStore;
}

/** At least this long between two saved checkpoints, and this many times what the last one took, in milliseconds. */
const leastPause = 1000;
const pauseShare = 10;

/** The whole graph as one region, but for the operators that read parameters which are done. */
function wholeModel(graph: Graph, done: ReadonlySet<string> = new Set()): Region {
  const read = new Set(
    graph.nodes.flatMap((node) => (node.kind === 'parameter' && done.has(node.parameter) ? [node.name] : [])),
  );
  const left = graph.nodes.filter((node) => !inputsOf(node).some((input) => read.has(input)));
  return { name: 'model', nodes: new Set(left.map((node) => node.name)) };
}

function checkProgress({ next }: Checkpoint, modifiers: readonly NamedModifier[]): void {
  if (Number.isSafeInteger(next) && next >= 0 && next <= modifiers.length) return;
  throw new TampError(
    `the checkpoint stands before modifier ${next + 1} of a run that has ${modifiers.length}`,
    {
      code: 'usage',
      remedy: 'It is of another run: start without resuming.',
    },
  );
}

/** Calls the hooks of each modifier in turn over the whole model; `calibrate` serves those that observe. */
export async function driveWholeModel(
  model: Model,
  modifiers: readonly NamedModifier[],
  options: WholeModelOptions,
  calibrate: Calibrate,
): Promise<PipelineResult> {
  const { checkpoint } = options;
  const saved = await checkpoint?.load();
  if (saved !== undefined) checkProgress(saved, modifiers);
  const layers: LayerReport[] = [...(saved?.layers ?? [])];
  for (const entry of layers) options.onLayer?.(entry);

  let turn = saved?.next ?? 0;
  const finished = finishedParameters(options.finished ?? options.store);
  const start = saved === undefined ? model : await finishAgain(modelOf(model, saved), saved, finished);

  let savedAt = performance.now();
  let pause = leastPause;
  const saveIfDue = async (next: number): Promise<void> => {
    const began = performance.now();
    if (checkpoint === undefined || began - savedAt < pause) return;
    await checkpoint.save({
      next,
      ...changesOf(model, editor.model, finished),
      values: [],
      layers,
      states: [],
    });
    savedAt = performance.now();
    pause = Math.max(leastPause, pauseShare * (savedAt - began));
  };

  const editor = createModelEditor(start, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    settleIn: () => (turn === modifiers.length - 1 ? finished : options.store),
    async onSettle() {
      // Later ones chose their layers in a model that a checkpoint no longer holds.
      if (turn === 0 && modifiers[0].modifier.finish === undefined) await saveIfDue(0);
    },
    onReport(entry) {
      layers.push(entry);
      options.onLayer?.(entry);
    },
  });
  if (saved?.next === 0) await chooseAgain(model, modifiers.slice(0, 1));
  const done = new Set(saved?.next === 0 ? saved.layers.map(({ parameter }) => parameter) : []);
  for (; turn < modifiers.length; turn++) {
    const { name, modifier } = modifiers[turn];
    const region = wholeModel(editor.model.graph, turn === 0 ? done : undefined);
    await callHook(name, async () => {
      const observations = modifier.observe?.(region, editor.model) ?? [];
      if (observations.length > 0) await calibrate(editor.model, observations, name);
      await modifier.rewrite?.(region, editor);
      await modifier.finish?.(editor);
    });
    await editor.settle();
    await saveIfDue(turn + 1);
  }
  return { model: editor.model, layers };
}
