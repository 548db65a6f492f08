import {
  type CheckpointStore,
  type Model,
  type ParameterSink,
  type ParameterStore,
  type PipelineResult,
  runBasic,
  runDataFree,
} from '@tamp/core';
import { runSequential, type SequentialProgress } from '@tamp/sequential-pipeline';
import { calibrationBatches, calibrationBatchSize } from '../data/calibration-batches.js';
import { sampleBatches } from '../data/sample-batches.js';
import type { RecipeHost } from '../host.js';
import { noDisk } from '../prepare/check-pipeline.js';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';

/** Options of {@link modifyModel}. */
export interface ModifyOptions {
  readonly signal?: AbortSignal;
  /** Where the run stands is kept here, and taken up from here; the caller closes it. */
  readonly checkpoint?: CheckpointStore;
  /** Where rewritten parameters live; the caller closes it. Default: memory. */
  readonly store?: ParameterStore;
  /** Takes parameters that are done; default `store`. */
  readonly finished?: ParameterSink;
  /** Receives warnings. */
  readonly onWarning: (message: string) => void;
  /** Layers done, of how many, and what is being worked on. */
  readonly progress: (done: number, total: number, detail?: string) => void;
}

function sequentialText({ name, phase, modifier, done, total }: SequentialProgress): string {
  const windows = total === 0 ? '' : `, window ${done} of ${total}`;
  switch (phase) {
    case 'calibrate':
      return `${name}: calibrating for ${modifier ?? 'a modifier'}${windows}`;
    case 'rewrite':
      return `${name}: ${modifier ?? 'a modifier'}`;
    case 'propagate':
      return `${name}: passing on its outputs${windows}`;
  }
}

/**
 * Lets a recipe's modifiers work on a model in their order, those that learn left out: over the whole model when none
 * observes or there are labelled samples to observe, else by the recipe's pipeline. Frees its tensors and intermediates whatever happens.
 */
export async function modifyModel(
  prepared: PreparedRecipe,
  model: Model,
  host: RecipeHost,
  { signal, progress, checkpoint, store, finished, onWarning }: ModifyOptions,
): Promise<PipelineResult> {
  const { calibration, calibrationData, recipe } = prepared;
  const modifiers = prepared.modifiers.filter(({ modifier }) => modifier.needs !== 'training');
  const total = modifiers.reduce((sum, { plan }) => sum + plan.targets.length, 0);
  let done = 0;
  const tell = (detail: string): void => progress(done, Math.max(done, total), detail);
  const common = {
    ...(signal === undefined ? {} : { signal }),
    ...(store === undefined ? {} : { store }),
    ...(finished === undefined ? {} : { finished }),
    onLayer: ({ layer }: { readonly layer: string }) => progress(++done, Math.max(done, total), layer),
  };
  if (calibration === undefined && calibrationData !== undefined) {
    return runBasic(model, modifiers, sampleBatches(calibrationData, model), {
      ...common,
      onBatch: (batch, batches, modifier) => tell(`${modifier}: calibration batch ${batch} of ${batches}`),
    });
  }
  if (calibration === undefined) {
    return runDataFree(model, modifiers, { ...common, ...(checkpoint === undefined ? {} : { checkpoint }) });
  }
  const data = calibrationBatches(calibration);
  const { kind, intermediates, batchSize, ...blocks } = recipe.pipeline;
  if (kind === 'basic') {
    return runBasic(model, modifiers, data, {
      ...common,
      onBatch: (batch, batches, modifier) => tell(`${modifier}: calibration window ${batch} of ${batches}`),
    });
  }
  if (intermediates === 'disk' && host.openScratch === undefined) throw noDisk();
  const storage = intermediates === 'disk' ? await host.openScratch?.() : undefined;
  try {
    return await runSequential(model, modifiers, data, {
      ...common,
      ...blocks,
      batchesTogether: calibrationBatchSize(calibration, batchSize),
      ...(storage === undefined ? {} : { storage }),
      ...(checkpoint === undefined ? {} : { checkpoint }),
      onWarning,
      onProgress: (event) => tell(sequentialText(event)),
    });
  } finally {
    await storage?.close();
  }
}
