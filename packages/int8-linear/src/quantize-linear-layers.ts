import type { Model, PipelineResult } from '@tamp/core';
import { type GraphRunOptions, quantizeGraphModel } from './quantize-graph-model.js';
import type { Int8LinearOptions } from './settings.js';

/**
 * Makes every linear layer of a model that the targets match int8: weights ahead of time, inputs during the call.
 * The model given is not changed. Rejects with a `TampError` before any work when the options do not suit the model;
 * while working, when a weight or a calibration value is not finite.
 */
export async function quantizeLinearLayers(
  model: Model,
  options: Int8LinearOptions = {},
  run: GraphRunOptions = {},
): Promise<PipelineResult> {
  return quantizeGraphModel(model, options, run);
}
