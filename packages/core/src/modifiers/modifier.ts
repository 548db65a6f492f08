import type * as tf from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { ValueObserver } from '../execution/model-runner.js';
import type { Model } from '../model/model.js';
import type { ModelEditor } from '../model/model-editor.js';

/** What a modifier needs to see: nothing, unlabelled calibration batches, or labelled training steps. */
export type ModifierNeeds = 'nothing' | 'calibration' | 'training';

/** One layer that a modifier will work on, for `tamp plan` and for progress. */
export interface PlannedTarget {
  readonly layer: string;
  readonly parameter: string;
  /** What will be done: `W4 g64 sym`. */
  readonly scheme: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** What a modifier will do to a model. */
export interface ModifierPlan {
  readonly targets: readonly PlannedTarget[];
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

/** Hooks of a modifier that takes part in training. All tensors are used inside one gradient recording. */
export interface TrainingHooks {
  /** Trainable values of the modifier's own, with a learning rate of their own if they have one. */
  variables(): readonly { readonly variable: tf.Variable; readonly learningRate?: number }[];
  /** What the model computes with in place of a parameter during a step; differentiable. */
  transformParameter(name: string, value: tf.Tensor): tf.Tensor;
  /** A scalar to add to the loss; differentiable. */
  penalty(): tf.Scalar;
  /** Called before each step. */
  beforeStep?(step: number): void;
  /** Figures for the progress line after an epoch (size, mean bits). */
  figures?(): Promise<Readonly<Record<string, number>>>;
  /** State for a checkpoint, as plain data and tensors by name, and its return. */
  save?(): Promise<Readonly<Record<string, tf.Tensor>>>;
  restore?(state: Readonly<Record<string, tf.Tensor>>): Promise<void>;
}

/**
 * One modifier at work in one run: a small object whose hooks a pipeline calls. It does not know which pipeline
 * drives it. Order for each region: `observe` → data flows → `rewrite`; then the next modifier's turn, which sees the
 * rewritten model. `finish` comes once, after all regions.
 */
export interface Modifier {
  readonly needs: ModifierNeeds;
  /**
   * Chooses and checks targets before any work. Throws a `TampError` that names the layer and the remedy when the
   * model does not suit the options.
   */
  plan(model: Model): ModifierPlan;
  /** Values to see while calibration data flows through the region; called when the region's turn comes. */
  observe?(region: Region, model: Model): readonly Observation[];
  /** Rewrites the region's layers, after the data was seen. */
  rewrite?(region: Region, editor: ModelEditor): Promise<void>;
  /** The last word, when every region is done. */
  finish?(editor: ModelEditor): Promise<void>;
  /** For training pipelines: called once before the first step. */
  train?(model: Model, parameters: ReadonlyMap<string, tf.Variable>): TrainingHooks;
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
