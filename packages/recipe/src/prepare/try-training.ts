import type { Model } from '@tamp/core';
import { type LabelledData, sampleCount, sliceSamples } from '@tamp/training-pipeline';
import { trainingOptions } from '../run/train-model.js';
import type { TrainingSettings } from '../schema/training-schema.js';
import type { PlannedModifier } from './prepare-modifiers.js';

/** Steps that are tried; the first ones compile and are not counted. */
const firstSteps = 3;
const triedSteps = 12;
/** Samples that an evaluation is timed with. */
const triedSamples = 1024;

/** Seconds of one evaluation on labelled samples. */
export async function tryLabelled(model: Model, data: LabelledData): Promise<number> {
  const { evaluateLabelled } = await import('@tamp/training-pipeline');
  const count = sampleCount(data);
  const some = sliceSamples(data, 0, Math.min(count, triedSamples));
  await evaluateLabelled(model, some);
  const started = performance.now();
  await evaluateLabelled(model, some);
  return ((performance.now() - started) / 1000) * (count / sampleCount(some));
}

/**
 * Seconds that training will take if it runs through all its epochs: some steps are tried, and given up. The modifiers
 * must not be used for a run afterwards.
 */
export async function tryTraining(
  model: Model,
  modifiers: readonly PlannedModifier[],
  settings: TrainingSettings,
  data: LabelledData,
  validation: LabelledData | undefined,
): Promise<number> {
  const { runTraining } = await import('@tamp/training-pipeline');
  const learners = modifiers.filter(({ modifier }) => modifier.needs === 'training');
  const controller = new AbortController();
  const times: number[] = [];
  const options = trainingOptions(settings);
  const steps = Math.ceil(sampleCount(data) / settings.batchSize);
  try {
    await runTraining(model, learners, {
      ...options,
      // As many epochs as the tried steps take.
      epochs: Math.ceil(triedSteps / steps),
      data,
      signal: controller.signal,
      onStep() {
        times.push(performance.now());
        if (times.length === triedSteps) controller.abort();
      },
    });
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  }
  const counted = times.slice(Math.min(firstSteps, times.length - 2));
  const perStep = ((counted.at(-1) ?? 0) - (counted[0] ?? 0)) / 1000 / Math.max(1, counted.length - 1);
  const perEpoch = validation === undefined ? 0 : await tryLabelled(model, validation);
  return settings.epochs * (steps * perStep + perEpoch);
}
