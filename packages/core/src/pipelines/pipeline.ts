import { isTampError, TampError } from '../errors/tamp-error.js';
import type { Graph } from '../graph/graph.js';
import type { Model } from '../model/model.js';
import { createModelEditor, type LayerReport } from '../model/model-editor.js';
import type { Modifier, Observation, Region } from '../modifiers/modifier.js';
import type { ParameterSink, ParameterStore } from '../parameters/parameter-store.js';

/** A modifier with the name it has in recipes, for reports and errors. */
export interface NamedModifier {
  readonly name: string;
  readonly modifier: Modifier;
}

/** Options that every pipeline has. */
export interface PipelineOptions {
  readonly signal?: AbortSignal;
  /** Where rewritten parameters live; the caller closes it when the result is no longer needed. Default: memory. */
  readonly store?: ParameterStore;
  /**
   * Takes each parameter that no later region or modifier works on, as soon as it is done: an export that is written
   * meanwhile. One that is rewritten all the same is put again. Default: `store`.
   */
  readonly finished?: ParameterSink;
  /** Called for each layer as soon as it is done. */
  readonly onLayer?: (entry: LayerReport) => void;
  /** Called for each calibration batch: how many are done, of how many, for which modifier. */
  readonly onBatch?: (done: number, total: number, modifier: string) => void;
}

/** The rewritten model and what was done to each layer. */
export interface PipelineResult {
  readonly model: Model;
  readonly layers: readonly LayerReport[];
}

/** Lets data flow through a model while observations are made. */
export type Calibrate = (
  model: Model,
  observations: readonly Observation[],
  modifier: string,
) => Promise<void>;

/** The whole graph as one region. */
export function wholeModel(graph: Graph): Region {
  return { name: 'model', nodes: new Set(graph.nodes.map((node) => node.name)) };
}

/** Runs a hook of a modifier; its errors name the modifier. */
export async function callHook<T>(name: string, hook: () => T | Promise<T>): Promise<T> {
  try {
    return await hook();
  } catch (error) {
    if (isTampError(error))
      throw new TampError(error.problem, { ...error, at: { modifier: name, ...error.at } });
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new TampError(`the modifier failed: ${what}`, {
      code: 'internal',
      at: { modifier: name },
      remedy: 'This is a defect of the modifier: report it to its author.',
      cause: error,
    });
  }
}

/** Calls the hooks of each modifier in turn over the whole model; `calibrate` serves those that observe. */
export async function driveWholeModel(
  model: Model,
  modifiers: readonly NamedModifier[],
  options: PipelineOptions,
  calibrate: Calibrate,
): Promise<PipelineResult> {
  const layers: LayerReport[] = [];
  let isLast = false;
  const editor = createModelEditor(model, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    settleIn: () => (isLast ? (options.finished ?? options.store) : options.store),
    onReport(entry) {
      layers.push(entry);
      options.onLayer?.(entry);
    },
  });
  for (const { name, modifier } of modifiers) {
    isLast = modifier === modifiers.at(-1)?.modifier;
    const region = wholeModel(editor.model.graph);
    await callHook(name, async () => {
      const observations = modifier.observe?.(region, editor.model) ?? [];
      if (observations.length > 0) await calibrate(editor.model, observations, name);
      await modifier.rewrite?.(region, editor);
      await modifier.finish?.(editor);
    });
    await editor.settle();
  }
  return { model: editor.model, layers };
}
