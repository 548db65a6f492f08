import type { Model } from '@tamp/core';
import { calibrationBatchSize } from '../data/calibration-batches.js';
import { vocabularyOf } from '../data/language-model.js';
import { calibrationSampleBatches } from '../data/sample-batches.js';
import type { TextWindows } from '../data/text-windows.js';
import { nextTokenLoss } from '../evaluation/cross-entropy.js';
import { evaluationBatch } from '../evaluation/perplexity.js';
import type { PreparedRecipe } from './prepare-recipe.js';
import { type TriedFlow, type TriedSeconds, trySubgraphs } from './try-subgraphs.js';
import { tryLabelled, tryTraining } from './try-training.js';

/** Seconds that stages of a run will take, reckoned from a trial of each. */
export interface TriedRun {
  readonly evaluateBefore: number;
  readonly evaluateAfter: number;
  readonly train: number;
  readonly modify: number;
}

/** Seconds of the loss over all windows, reckoned from one batch. */
function lossSeconds(model: Model, { length, count }: TextWindows): number {
  const vocabulary = vocabularyOf(model);
  const batch = Math.min(count, evaluationBatch(length, vocabulary));
  const logits = new Float32Array(batch * length * vocabulary).map((_, i) => Math.sin(i));
  const ids = new Int32Array(batch * length);
  const once = (): number => {
    const started = performance.now();
    nextTokenLoss(logits, ids, length, vocabulary);
    return performance.now() - started;
  };
  // The first time compiles.
  once();
  return ((once() / 1000) * count) / batch;
}

function flowsOf(prepared: PreparedRecipe): {
  readonly calibration?: TriedFlow;
  readonly evaluation?: TriedFlow;
} {
  const { model, calibration, calibrationData, evaluation } = prepared;
  const text = (windows: TextWindows, batchSize: number): TriedFlow => ({
    batchSize,
    tokens: windows.length,
    batches: windows.count / batchSize,
  });
  const observed =
    calibration === undefined
      ? calibrationData === undefined
        ? undefined
        : { ...calibrationSampleBatches(calibrationData), tokens: 1 }
      : text(calibration, calibrationBatchSize(calibration, prepared.recipe.pipeline.batchSize));
  return {
    ...(observed === undefined ? {} : { calibration: observed }),
    ...(evaluation === undefined
      ? {}
      : {
          evaluation: text(
            evaluation,
            prepared.evaluationBatch ?? evaluationBatch(evaluation.length, vocabularyOf(model)),
          ),
        }),
  };
}

/**
 * Tries a prepared recipe: does to one block of each kind what the run would do to all of them, and some steps of a
 * training, and reckons from it how long each stage will take. Takes a small part of the run's time. Frees every tensor
 * it makes. Modifiers keep what they learn from it: prepare the recipe anew to run it. Rejects as the run would.
 */
export async function tryRun(prepared: PreparedRecipe): Promise<TriedRun> {
  const { recipe, model, evaluation, validationData, trainingData, modifiers, calibration } = prepared;
  const train =
    recipe.training === undefined || trainingData === undefined
      ? 0
      : await tryTraining(model, modifiers, recipe.training, trainingData, validationData);
  const seconds: TriedSeconds = await trySubgraphs({
    model,
    modifiers: modifiers.filter(({ modifier }) => modifier.needs !== 'training'),
    pipeline: calibration === undefined ? { ...recipe.pipeline, kind: 'basic' } : recipe.pipeline,
    ...flowsOf(prepared),
  });
  const labelled = validationData === undefined ? 0 : await tryLabelled(model, validationData);
  const always = labelled + (evaluation === undefined ? 0 : lossSeconds(model, evaluation));
  return {
    evaluateBefore: seconds.before + always,
    evaluateAfter: seconds.after + always,
    train,
    modify: seconds.modify,
  };
}
