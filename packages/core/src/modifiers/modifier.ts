import type * as tf from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { ValueObserver } from '../execution/model-runner.js';
import type { AttributeValue } from '../graph/graph.js';
import type { Model } from '../model/model.js';
import type { ModelEditor } from '../model/model-editor.js';
import type { AffineScheme } from '../schemes/scheme.js';

/** What a modifier needs to see: nothing, unlabelled calibration batches, or labelled training steps. */
export type ModifierNeeds = 'nothing' | 'calibration' | 'training';

/** How a layer will compute once a modifier has quantized it: what modifiers before that one can prepare it for. */
export interface PlannedQuantization {
  readonly weights: AffineScheme;
  /** What shares one int8 scale of the layer's input: a row, all of it, or a block of a row; `none`: it stays float. */
  readonly activation: 'none' | 'token' | 'tensor' | 'block';
}

/** One layer that a modifier will work on, for `tamp plan` and for progress. */
export interface PlannedTarget {
  readonly layer: string;
  readonly parameter: string;
  /** What will be done: `W4 g64 sym`. */
  readonly scheme: string;
  /** Given by a modifier that quantizes the parameter. */
  readonly quantization?: PlannedQuantization;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** What a modifier will do to a model. */
export interface ModifierPlan {
  readonly targets: readonly PlannedTarget[];
  /** Most bytes it holds at a time for itself, beside weights and what flows through the model. Default 0. */
  readonly workingBytes?: number;
}

/** A part of a model that a pipeline works on at a time: some of its nodes, in graph order. */
export interface Region {
  /** For progress and errors: `model`, `model.layers.3`. */
  readonly name: string;
  /** Names of the nodes inside. */
  readonly nodes: ReadonlySet<string>;
}

/** A value that a modifier wants to see while data flows. */
export interface Observation {
  /** Name of the node whose value it is. */
  readonly node: string;
  readonly observe: ValueObserver;
}

/** A variable that a modifier trains beside the model's own, with an Adam of its own and a constant learning rate. */
export interface TrainedVariable {
  /** Name for checkpoints: the same in every run of the same model and options. */
  readonly name: string;
  readonly variable: tf.Variable;
  readonly learningRate: number;
}

/** What a training checkpoint keeps of a modifier beside its variables: lists of numbers by name. */
export type TrainingHookState = Readonly<Record<string, readonly number[]>>;

/**
 * Hooks of a modifier that takes part in training. For each step: `parameterValue` for every parameter and `penalty`
 * inside one gradient recording, then `adjustGradients`, then the optimizers' step, then `afterStep`.
 */
export interface TrainingHooks {
  /** Trained by the pipeline; they stay the modifier's to dispose of. */
  readonly variables: readonly TrainedVariable[];
  /**
   * What the model computes with in place of a parameter in step `step` (0-based); differentiable. Called once per
   * parameter and step; `value` is what earlier modifiers made of it. The pipeline frees the result.
   */
  parameterValue(name: string, value: tf.Tensor, step: number): tf.Tensor;
  /** A scalar to add to the loss, differentiable, or null when there is nothing to add. */
  penalty(): tf.Scalar | null;
  /** Changes gradients before the step; keys are names of variables. Disposes of what it replaces. */
  adjustGradients?(gradients: tf.NamedTensorMap): void;
  afterStep?(): void | Promise<void>;
  /** The values that the finished model will compute with in place of a parameter's. May share memory with `values`. */
  evaluationValues?(name: string, values: Float32Array): Promise<Float32Array>;
  /** Figures for the progress line after an epoch, by name, such as the size in bytes. */
  figures?(): Promise<Readonly<Record<string, number>>>;
  save?(): TrainingHookState;
  restore?(state: TrainingHookState): void;
}

/**
 * One modifier at work in one run: a small object whose hooks a pipeline calls. It does not know which pipeline
 * drives it. Order for each region: `observe` → data flows → `rewrite`; then the next modifier's turn, which sees the
 * rewritten model. `finish` comes once, after all regions.
 *
 * A run that goes on after a crash first calls `observe` and `rewrite` for a region without nodes, with the model as it
 * was at the start: a modifier that chooses its layers at the first call then chooses the same ones. Then
 * `restoreState` gets what `saveState` gave after the last region that was finished.
 */
export interface Modifier {
  readonly needs: ModifierNeeds;
  /**
   * Chooses and checks targets before any work. Throws a `TampError` that names the layer and the remedy when the
   * model does not suit the options. `later` is what the modifiers after this one in a recipe will do, in their order:
   * a modifier that prepares layers for being quantized learns from it what for.
   */
  plan(model: Model, later?: readonly PlannedTarget[]): ModifierPlan;
  /** Values to see while calibration data flows through the region; called when the region's turn comes. */
  observe?(region: Region, model: Model): readonly Observation[];
  /** Rewrites the region's layers, after the data was seen. */
  rewrite?(region: Region, editor: ModelEditor): Promise<void>;
  /** The last word, when every region is done. */
  finish?(editor: ModelEditor): Promise<void>;
  /**
   * What later hooks need to know of the regions so far, as plain data that survives JSON; asked after each region. A
   * run with a modifier that has `finish` and not these two starts over after a crash.
   */
  saveState?(): AttributeValue;
  restoreState?(state: AttributeValue): void;
  /**
   * For training pipelines: called once before the first step, with a variable for each parameter. After the last step
   * the trained values are in the editor's model when `rewrite` and `finish` come.
   */
  train?(model: Model, parameters: ReadonlyMap<string, tf.Variable>): TrainingHooks;
  /** For training pipelines: called at the end of training, also after an error; frees what `train` made. */
  endTraining?(): void;
}

/** What an npm package of a modifier exports as its default. */
export interface ModifierDefinition<Options = unknown> {
  /** The npm package's name; recipes say `use: <name>`. */
  readonly name: string;
  /** One sentence, for `--help` and editors. */
  readonly description: string;
  /** Schema of the options, strict; every option has a description and a default where it can. */
  readonly options: z.ZodType<Options>;
  /** A modifier for one run. `options` were validated with the schema. */
  create(options: Options): Modifier;
  /** Stamp of the copy of @tamp/core that defined it; the runner refuses a second copy. */
  readonly core: CoreStamp;
}

/** Identifies one copy of @tamp/core in a process. */
export interface CoreStamp {
  readonly package: '@tamp/core';
}

/** The stamp of this copy. */
export const coreStamp: CoreStamp = Object.freeze({ package: '@tamp/core' });

/** Defines a modifier; the result is a package's default export. */
export function defineModifier<Options>(
  definition: Omit<ModifierDefinition<Options>, 'core'>,
): ModifierDefinition<Options> {
  return { ...definition, core: coreStamp };
}
