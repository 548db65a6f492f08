import {
  type Model,
  type PipelineOptions,
  type PipelineResult,
  parseModifierOptions,
  runDataFree,
} from '@tamp/core';
import { weightOnly } from './modifier.js';
import type { WeightOnlyOptions } from './settings.js';

/**
 * Quantizes the weights of a model, without a recipe. Gives the new model and what was done to each layer; the model
 * given is not changed. Rejects with a `TampError` before any work when the options do not suit the model, and while
 * working when a weight is not finite.
 */
export async function quantizeWeights(
  model: Model,
  options: WeightOnlyOptions = {},
  run: PipelineOptions = {},
): Promise<PipelineResult> {
  const modifier = weightOnly.create(parseModifierOptions(weightOnly, options));
  modifier.plan(model);
  return runDataFree(model, [{ name: weightOnly.name, modifier }], run);
}
