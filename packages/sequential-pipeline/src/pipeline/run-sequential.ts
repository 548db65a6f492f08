import {
  type CalibrationBatches,
  callHook,
  canResume,
  changesOf,
  chooseAgain,
  createModelEditor,
  finishAgain,
  finishedParameters,
  type Graph,
  type LayerReport,
  type Model,
  type ModelEditor,
  modelOf,
  type NamedModifier,
  type Observation,
  type PipelineResult,
  type Region,
  restoreStates,
  statesOf,
  TampError,
} from '@tamp/core';
import { createIntermediateCache, type IntermediateCache } from '../cache/intermediate-cache.js';
import { memoryStorage } from '../cache/memory-storage.js';
import { checkCount } from '../check-count.js';
import { partitionGraph } from '../partition/partition-graph.js';
import type { Subgraph } from '../partition/subgraph.js';
import { chooseTargets } from '../targets/choose-targets.js';
import { cutWarnings } from '../targets/cut-warnings.js';
import { backendWarning } from './backend-warning.js';
import { type BatchShapes, checkBatch } from './check-batch.js';
import { checkProgress } from './check-progress.js';
import { restoreValues } from './restore-values.js';
import { runSubgraph } from './run-subgraph.js';
import type { SequentialOptions, SequentialProgress } from './sequential-options.js';

/** Puts the inputs that the model uses into the cache, after checking every batch. */
async function cacheInputs(
  graph: Graph,
  data: CalibrationBatches,
  subgraphs: readonly Subgraph[],
  cache: IntermediateCache,
  { signal, inputDefaults }: SequentialOptions,
): Promise<void> {
  if (data.count === 0) {
    throw new TampError('the calibration set is empty', {
      code: 'data',
      remedy: 'Give at least one calibration sample; 64 windows or more make good statistics.',
    });
  }
  const used = new Set(subgraphs.flatMap(({ inputs }) => inputs));
  let first: BatchShapes | undefined;
  for (let batch = 0; batch < data.count; batch++) {
    signal?.throwIfAborted();
    const given = await data.batch(batch);
    const inputs = { ...inputDefaults, ...given };
    try {
      const shapes = await checkBatch(graph, inputs, batch, first);
      first ??= shapes;
      for (const name of shapes.keys()) if (used.has(name)) await cache.put(batch, name, inputs[name]);
    } finally {
      for (const tensor of Object.values(given)) tensor.dispose();
    }
  }
}

/** The subgraphs of a model as modifiers have left it; cut again only when its graph has changed. */
function partitioner(
  targets: readonly string[],
  options: SequentialOptions,
): (graph: Graph) => readonly Subgraph[] {
  const { targetsPerSubgraph } = options;
  let of: Graph | undefined;
  let subgraphs: readonly Subgraph[] = [];
  return (graph) => {
    if (of === graph) return subgraphs;
    const next = partitionGraph(
      graph,
      targets,
      targetsPerSubgraph === undefined ? {} : { targetsPerSubgraph },
    );
    if (of !== undefined && next.length !== subgraphs.length) {
      throw new TampError('a rewrite changed the number of subgraphs', {
        code: 'internal',
        remedy: 'A modifier must keep the blocks it rewrites.',
      });
    }
    of = graph;
    subgraphs = next;
    return subgraphs;
  };
}

/**
 * Drives modifiers over a model subgraph by subgraph. In each, the modifiers take turns in the recipe's order: one
 * observes all calibration batches flowing through the subgraph, rewrites it, and the next observes the rewritten
 * one. Then the batches flow through the result, and what comes out is the next subgraph's input, so each layer is
 * calibrated on the error of those before it, whatever made that error. Memory holds one subgraph's weights and the
 * values between two subgraphs. Nothing that is not needed is computed: not the language-model head, nor the last
 * layer of a block while others are observed.
 *
 * Rejects with a `TampError` before any work for targets that match nothing and for an empty calibration set, and
 * with `data` for batches of several shapes, NaN or infinities, naming the batch or the layer. Frees all tensors and
 * intermediates, also on errors and when aborted (it then rejects with the signal's reason).
 */
export async function runSequential(
  model: Model,
  modifiers: readonly NamedModifier[],
  data: CalibrationBatches,
  options: SequentialOptions = {},
): Promise<PipelineResult> {
  const { propagateError = true, batchesTogether = 1, onProgress } = options;
  checkCount(batchesTogether, 'calibration batches together');
  const signal = options.signal ?? new AbortController().signal;
  const targets = chooseTargets(model.graph, options);
  const subgraphsOf = partitioner(targets, options);
  const subgraphs = subgraphsOf(model.graph);
  const calibrates = modifiers.some(({ modifier }) => modifier.needs === 'calibration');
  const { onWarning = (message: string) => console.warn(message) } = options;
  if (calibrates) {
    for (const warning of [...cutWarnings(model.graph, targets, subgraphs, options), ...backendWarning()]) {
      onWarning(warning);
    }
  }
  const checkpoint = calibrates && canResume(modifiers) ? options.checkpoint : undefined;
  const saved = await checkpoint?.load();
  if (saved !== undefined) {
    checkProgress(saved, subgraphs.length);
    await chooseAgain(model, modifiers);
    await restoreStates(modifiers, saved);
  }
  const layers: LayerReport[] = [...(saved?.layers ?? [])];
  for (const entry of layers) options.onLayer?.(entry);
  const sink = finishedParameters(options.finished ?? options.store);
  let isDone = false;
  const start = saved === undefined ? model : await finishAgain(modelOf(model, saved), saved, sink);
  const editor: ModelEditor = createModelEditor(start, {
    signal,
    // Between two modifiers of a subgraph nothing is finished.
    settleIn: () => (isDone ? sink : undefined),
    onReport(entry) {
      layers.push(entry);
      options.onLayer?.(entry);
    },
  });
  const storage = options.storage ?? memoryStorage();
  const cache = createIntermediateCache(storage);

  const work = async (index: number): Promise<void> => {
    const current = (): Subgraph => subgraphsOf(editor.model.graph)[index];
    const isLast = index === subgraphs.length - 1;
    const tell = (phase: SequentialProgress['phase'], done: number, total: number, modifier?: string): void =>
      onProgress?.({
        subgraph: index + 1,
        subgraphs: subgraphs.length,
        name: current().name,
        phase,
        done,
        total,
        ...(modifier === undefined ? {} : { modifier }),
      });
    const flow = (
      observations: readonly Observation[],
      keepOutputs: boolean,
      onBatch: (done: number) => void,
    ): Promise<void> =>
      runSubgraph(editor.model, current(), cache, {
        batches: data.count,
        together: batchesTogether,
        observations,
        keepOutputs,
        signal,
        onBatch,
      });
    const propagate = (): Promise<void> => flow([], true, (done) => tell('propagate', done, data.count));

    if (calibrates && !isLast && !propagateError) await propagate();
    for (const { name, modifier } of modifiers) {
      signal.throwIfAborted();
      const { name: where, nodes } = current();
      const region: Region = { name: where, nodes };
      const observations = await callHook(name, () => modifier.observe?.(region, editor.model) ?? []);
      if (observations.length > 0) {
        const hooked = observations.map(
          ({ node, observe }): Observation => ({
            node,
            observe: (value, at) => callHook(name, () => observe(value, at)),
          }),
        );
        await flow(hooked, false, (done) => {
          options.onBatch?.(done, data.count, name);
          tell('calibrate', done, data.count, name);
        });
      }
      tell('rewrite', 0, 0, name);
      await callHook(name, async () => modifier.rewrite?.(region, editor));
    }
    if (!calibrates) return;
    if (!isLast && propagateError) await propagate();
    for (let batch = 0; batch < data.count; batch++) {
      for (const name of current().consumed) await cache.drop(batch, name);
    }
  };

  try {
    if (saved !== undefined) await restoreValues(saved, cache);
    else if (calibrates) await cacheInputs(model.graph, data, subgraphs, cache, { ...options, signal });
    for (let index = saved?.next ?? 0; index < subgraphs.length; index++) {
      await work(index);
      isDone = true;
      await editor.settle();
      isDone = false;
      await checkpoint?.save({
        next: index + 1,
        ...changesOf(model, editor.model, sink),
        values: cache.entries(),
        layers,
        states: statesOf(modifiers),
      });
    }
    for (const { name, modifier } of modifiers) {
      await callHook(name, async () => modifier.finish?.(editor));
    }
    return { model: editor.model, layers };
  } finally {
    if (options.storage === undefined) await storage.close();
  }
}
