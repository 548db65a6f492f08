import { elementCount, type Model, type Parameter, type PlannedTarget, storedBytes } from '@tamp/core';
import type { TextWindows } from '../data/text-windows.js';
import type { ExportTarget } from '../schema/recipe-schema.js';
import type { MachineSpeed } from './machine-speed.js';
import { largeModelBytes, logitsBytes, type PhasePlan, planPhases } from './plan-phases.js';
import type { PreparedRecipe } from './prepare-recipe.js';
import { type SequentialCost, sequentialCost } from './sequential-cost.js';
import type { TriedRun } from './try-run.js';

/** What one modifier will do. */
export interface ModifierOutline {
  readonly name: string;
  readonly description: string;
  readonly targets: readonly PlannedTarget[];
}

/** Windows of text that a run reads. */
export interface TextOutline {
  readonly windows: number;
  readonly sequenceLength: number;
}

/** How modifiers that observe are driven. */
export interface PipelineOutline {
  readonly kind: 'sequential' | 'basic';
  /** Parts of the model that take their turns; 1 for `basic`. */
  readonly subgraphs: number;
  /** Bytes of the values between two subgraphs at their most, in memory or on disk. */
  readonly intermediateBytes: number;
  /** Where they are. */
  readonly intermediates: 'memory' | 'disk';
  /** Calibration windows that go through a subgraph at a time. */
  readonly batchSize: number;
}

/** What a run would do and cost, as plain data. */
export interface RecipePlan {
  readonly model: string;
  readonly architecture: string;
  /** Number of weights in all. */
  readonly parameters: number;
  /** Bytes of the parameters, before and after. */
  readonly sizes: { readonly before: number; readonly after: number };
  readonly modifiers: readonly ModifierOutline[];
  readonly calibration: TextOutline | null;
  /** How calibration is driven: `null` without it. */
  readonly pipeline: PipelineOutline | null;
  readonly evaluation: TextOutline | null;
  readonly export: readonly ExportTarget[];
  /**
   * An estimate of what weights and logits take at the run's peak; the JavaScript engine itself and the values
   * between layers come on top.
   */
  readonly memoryBytes: number;
  /** What each stage will take; empty unless the machine's speed is known. */
  readonly phases: readonly PhasePlan[];
  /** What is surprising about the run, in sentences for people. */
  readonly warnings: readonly string[];
}

/** Bytes that a model's parameters take, ties counted once. */
export function modelBytes(model: Model): number {
  let bytes = 0;
  for (const parameter of model.parameters.values()) bytes += storedBytes(parameter.storage);
  return bytes;
}

/** Bytes of each parameter after all modifiers: what the last one that works on it leaves. */
function parameterBytesAfter(prepared: PreparedRecipe): ReadonlyMap<string, number> {
  const after = new Map<string, number>();
  for (const [name, { storage }] of prepared.model.parameters) after.set(name, storedBytes(storage));
  for (const { plan } of prepared.modifiers) {
    for (const target of plan.targets) after.set(target.parameter, target.bytesAfter);
  }
  return after;
}

function totalBytes(each: ReadonlyMap<string, number>): number {
  return [...each.values()].reduce((total, bytes) => total + bytes, 0);
}

/** Bytes that the parameters will take after all modifiers, ties counted once. */
export function bytesAfter(prepared: PreparedRecipe): number {
  return totalBytes(parameterBytesAfter(prepared));
}

const float32 = 4;

function denseBytes(parameter: Parameter): number {
  return elementCount(parameter.shape) * float32;
}

/** What calibration holds beside what modifiers do: weights as float32, values on their way, and those between subgraphs. */
function calibrationBytes({ recipe }: PreparedRecipe, cost: SequentialCost | undefined, all: number): number {
  if (cost === undefined) return all;
  const { largestSubgraph, intermediates, flowing } = cost;
  return largestSubgraph + flowing + (recipe.pipeline.intermediates === 'disk' ? 0 : intermediates);
}

/**
 * The evaluation before holds every parameter as float32; while modifiers work, the packed model grows beside one
 * parameter at a time; the evaluation after holds the packed model, its copy on the backend, and the rest as float32.
 */
function memoryEstimate(
  prepared: PreparedRecipe,
  cost: SequentialCost | undefined,
  after: ReadonlyMap<string, number>,
): number {
  const parameters = [...prepared.model.parameters.values()];
  const touched = new Set(
    prepared.modifiers.flatMap(({ plan }) => plan.targets.map(({ parameter }) => parameter)),
  );
  const sum = (list: readonly Parameter[], bytes: (parameter: Parameter) => number): number =>
    list.reduce((total, parameter) => total + bytes(parameter), 0);
  const changed = parameters.filter(({ name }) => touched.has(name));
  const packed = sum(changed, ({ name }) => after.get(name) ?? 0);
  const rest = sum(
    parameters.filter(({ name }) => !touched.has(name)),
    denseBytes,
  );
  const all = sum(parameters, denseBytes);
  const logits = logitsBytes(
    prepared.model,
    prepared.evaluation ?? prepared.calibration,
    prepared.evaluationBatch,
  );
  // Reading, rounding and packing a weight holds it about three times over.
  const held = modelBytes(prepared.model) >= largeModelBytes ? 0 : packed;
  const modify = held + 3 * Math.max(0, ...changed.map(denseBytes));
  const working = Math.max(0, ...prepared.modifiers.map(({ plan }) => plan.workingBytes ?? 0));
  const calibrate = prepared.calibration === undefined ? 0 : working + calibrationBytes(prepared, cost, all);
  return Math.max(
    prepared.evaluation === undefined ? 0 : all + logits,
    modify + calibrate,
    prepared.evaluation === undefined ? 0 : 2 * packed + rest + logits,
  );
}

function outline(windows: TextWindows | undefined): TextOutline | null {
  return windows === undefined ? null : { windows: windows.count, sequenceLength: windows.length };
}

function pipelineOutline(
  { calibration, recipe }: PreparedRecipe,
  cost: SequentialCost | undefined,
): PipelineOutline | null {
  if (calibration === undefined) return null;
  const { kind, intermediates } = recipe.pipeline;
  if (cost === undefined)
    return { kind, subgraphs: 1, intermediateBytes: 0, intermediates: 'memory', batchSize: 1 };
  return {
    kind,
    subgraphs: cost.subgraphs,
    intermediateBytes: cost.intermediates,
    intermediates,
    batchSize: cost.batchSize,
  };
}

/**
 * What running a prepared recipe would do and cost, on a machine of the given speed; does no work. Times are those of a
 * trial (`tryRun`); without one, those of evaluation and export are reckoned from the speed, and the others not known.
 */
export function planRecipe(prepared: PreparedRecipe, speed?: MachineSpeed, tried?: TriedRun): RecipePlan {
  const { model, modelName, modifiers, recipe } = prepared;
  const after = parameterBytesAfter(prepared);
  const cost = sequentialCost(prepared);
  let weights = 0;
  for (const { shape } of model.parameters.values()) weights += elementCount(shape);
  return {
    model: modelName,
    architecture: model.architecture,
    parameters: weights,
    sizes: { before: modelBytes(model), after: totalBytes(after) },
    modifiers: modifiers.map(({ name, description, plan }) => ({ name, description, targets: plan.targets })),
    calibration: outline(prepared.calibration),
    pipeline: pipelineOutline(prepared, cost),
    evaluation: outline(prepared.evaluation),
    export: recipe.export,
    memoryBytes: memoryEstimate(prepared, cost, after),
    phases: speed === undefined ? [] : planPhases(prepared, cost, after, speed, tried),
    warnings: [...prepared.warnings, ...(cost?.warnings ?? [])],
  };
}
