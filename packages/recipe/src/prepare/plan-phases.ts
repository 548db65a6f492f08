import { elementCount, type Graph, lintGraph, type Model, type Parameter, storedBytes } from '@tamp/core';
import { vocabularyOf } from '../data/language-model.js';
import type { TextWindows } from '../data/text-windows.js';
import { evaluationBatch } from '../evaluation/perplexity.js';
import { alwaysFromStart } from '../run/always-from-start.js';
import { type RunStage, stagesOf } from '../run/run-progress.js';
import type { MachineSpeed } from './machine-speed.js';
import type { PreparedRecipe } from './prepare-recipe.js';
import type { SequentialCost } from './sequential-cost.js';
import type { TriedRun } from './try-run.js';

/** What one stage of a run will take. */
export interface PhasePlan {
  readonly stage: RunStage;
  /** Most bytes of the process meanwhile. */
  readonly memoryBytes: number;
  /** Bytes on disk when it ends at the latest, beside the model itself: finished parameters, intermediates, archives. */
  readonly diskBytes: number;
  /** `null` for what only a trial shows, where there was none: training, and what modifiers do. */
  readonly seconds: number | null;
}

/** From here on finished parameters wait for the export on disk instead of in memory. */
export const largeModelBytes: number = 64 * 2 ** 20;

const float32 = 4;
/** tfjs-layers, which training loads for its gradients. */
const trainingCodeBytes = 32 * 2 ** 20;
/** Arrays that nobody uses any more may wait this long, in bytes, for the engine to collect them. */
const garbageBytes = 64 * 2 ** 20;
/** Chunks of an archive that are in memory at a time, each as it is, split into planes, and deflated. */
const archiveWorkingBytes = 3 * 3 * 8 * 2 ** 20;

const denseBytes = ({ shape }: Parameter): number => elementCount(shape) * float32;

const sum = <T>(items: Iterable<T>, value: (item: T) => number): number => {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
};

/** Multiplications that one window of `tokens` tokens takes: products with weights, and attention's. */
function windowMultiplyAdds(graph: Graph, tokens: number): number {
  const shapes = new Map(graph.nodes.map((node) => [node.name, 'type' in node ? node.type.shape : []]));
  return sum(graph.nodes, (node) => {
    if (node.kind !== 'operator') return 0;
    if (node.operator === 'linear') {
      const weight = shapes.get(node.inputs[1]) ?? [];
      return tokens * weight.reduce<number>((product, size) => product * (size ?? 1), 1);
    }
    if (node.operator === 'attention') {
      const width = shapes.get(node.inputs[0])?.at(-1) ?? 0;
      return 2 * tokens * tokens * width;
    }
    return 0;
  });
}

/** Bytes of all values that one sample of fixed size makes on its way. */
function sampleBytes(graph: Graph): number {
  const types = lintGraph(graph);
  return sum(graph.nodes, ({ kind, name }) =>
    kind === 'operator'
      ? float32 * (types.get(name)?.shape ?? []).reduce<number>((product, size) => product * (size ?? 1), 1)
      : 0,
  );
}

/** A batch of logits, on the backend and read back. */
export function logitsBytes(
  model: Model,
  windows: TextWindows | undefined,
  batch: number | undefined,
): number {
  if (windows === undefined) return 0;
  const vocabulary = vocabularyOf(model);
  return 2 * (batch ?? evaluationBatch(windows.length, vocabulary)) * windows.length * vocabulary * float32;
}

/** What each stage of a run will take on a machine of this speed, or as a trial has shown. */
export function planPhases(
  prepared: PreparedRecipe,
  cost: SequentialCost | undefined,
  after: ReadonlyMap<string, number>,
  speed: MachineSpeed,
  tried?: TriedRun,
): readonly PhasePlan[] {
  const { model, evaluation, calibration, recipe } = prepared;
  const parameters = [...model.parameters.values()];
  const targets = prepared.modifiers.flatMap(({ plan }) => plan.targets);
  const touched = new Set(targets.map(({ parameter }) => parameter));
  const changed = parameters.filter(({ name }) => touched.has(name));
  const packed = sum(changed, ({ name }) => after.get(name) ?? 0);
  const archive = sum(after.values(), (bytes) => bytes);
  const isLarge = sum(parameters, ({ storage }) => storedBytes(storage)) >= largeModelBytes;
  const largest = Math.max(0, ...changed.map(denseBytes));
  const between = cost?.intermediates ?? 0;
  const onDisk = recipe.pipeline.intermediates === 'disk';
  const base = speed.processBytes;

  const evaluationSeconds =
    evaluation === undefined
      ? 0
      : (evaluation.count * windowMultiplyAdds(model.graph, evaluation.length)) / speed.multiplyAddsPerSecond;

  const modifyBytes = (): number => {
    const held = isLarge ? 0 : packed;
    const working = Math.max(0, ...prepared.modifiers.map(({ plan }) => plan.workingBytes ?? 0));
    // Streamed: a block of rows as float32, and the packed result while it is written.
    if (calibration === undefined) return held + Math.max(working, largest / 2) + garbageBytes;
    if (cost === undefined) return held + working + sum(parameters, denseBytes) + garbageBytes;
    // What modifiers hold is largest while they rewrite, and nothing flows then.
    const busiest = Math.max(working + cost.largestRewritten, cost.largestSubgraph + cost.flowing);
    return held + busiest + (onDisk ? 0 : between) + garbageBytes;
  };

  const memoryOf = (stage: RunStage): number => {
    const logits = logitsBytes(model, evaluation, prepared.evaluationBatch);
    switch (stage) {
      case 'evaluate-before':
        return base + sum(parameters, denseBytes) + logits + garbageBytes;
      case 'train':
        // Values, gradients and both of Adam's moments; then what gradients are computed from.
        return (
          base +
          4 * sum(parameters, denseBytes) +
          2 * (recipe.training?.batchSize ?? 0) * sampleBytes(model.graph) +
          trainingCodeBytes +
          garbageBytes
        );
      case 'modify':
        return base + modifyBytes();
      case 'evaluate-after': {
        const rest = sum(
          parameters.filter(({ name }) => !touched.has(name)),
          denseBytes,
        );
        return base + (isLarge ? 1 : 2) * packed + rest + logits + garbageBytes;
      }
      case 'export':
        return base + (isLarge ? 0 : packed) + Math.min(archive, archiveWorkingBytes + garbageBytes);
    }
  };

  // What a run is taken up from again, and the export that grows.
  const resumes = alwaysFromStart(prepared) === undefined;
  const kept = resumes && (calibration !== undefined || isLarge) ? packed : 0;
  const waiting = kept + (isLarge ? packed : 0);
  const exports = recipe.export.length;
  const storing = recipe.export.filter(({ compression }) => compression === 'store').length;
  // What is finished has gone into the first export by then.
  const packedWrites = isLarge && exports > 0 ? exports - 1 : exports;
  const exportSeconds =
    (packedWrites * packed + storing * (archive - packed)) / speed.levelBytesPerSecond +
    ((exports - storing) * (archive - packed)) / speed.numberBytesPerSecond;
  const diskOf = (stage: RunStage): number => {
    switch (stage) {
      case 'evaluate-before':
      case 'train':
        return 0;
      case 'modify':
        return waiting + (resumes ? between : 0) + (onDisk ? between : 0);
      case 'evaluate-after':
        return waiting;
      case 'export':
        return kept + archive * recipe.export.length;
    }
  };

  const secondsOf = (stage: RunStage): number | null => {
    switch (stage) {
      case 'evaluate-before':
        return tried?.evaluateBefore ?? (prepared.validationData === undefined ? evaluationSeconds : null);
      case 'evaluate-after':
        return tried?.evaluateAfter ?? (prepared.validationData === undefined ? evaluationSeconds : null);
      case 'train':
        return tried?.train ?? null;
      case 'modify':
        return tried?.modify ?? null;
      case 'export':
        return exportSeconds;
    }
  };

  return stagesOf(prepared).map((stage) => ({
    stage,
    memoryBytes: memoryOf(stage),
    diskBytes: diskOf(stage),
    seconds: secondsOf(stage),
  }));
}
