import { type Model, type PipelineResult, TampError } from '@tamp/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  type LayersRunOptions,
  type QuantizedLayersModel,
  quantizeLayersModel,
} from './layers/quantize-layers-model.js';
import { type GraphRunOptions, quantizeGraphModel } from './quantize-graph-model.js';
import type { Int8LinearOptions } from './settings.js';

type GraphCall = [model: Model, options?: Int8LinearOptions, run?: GraphRunOptions];
type LayersCall = [model: LayersModel, options?: Int8LinearOptions, run?: LayersRunOptions];

function isGraphCall(call: GraphCall | LayersCall): call is GraphCall {
  return 'graph' in call[0];
}

function checkModel(model: unknown): void {
  if (typeof model === 'object' && model !== null && ('graph' in model || 'layers' in model)) return;
  throw new TampError('the first argument is no model', {
    code: 'usage',
    remedy: 'Give a graph model of @tamp/core or @tamp/models, or a tf.layers model.',
  });
}

/**
 * Makes every linear layer of a model that the targets match int8: weights ahead of time, inputs during the call.
 * Takes a graph model, or an unmodified tf.layers model: its dense layers, those of models inside it and those applied
 * to time steps, keep their activation functions; the result saves and loads like any other, after
 * `registerInt8Layers()`. Either is not changed.
 *
 * Rejects with a `TampError` before any work when the options do not suit the model; while working, when a weight or a
 * calibration value is not finite. Running the result throws one (`unsupported`) where tfjs has no kernels for it.
 */
export async function quantizeLinearLayers(
  model: Model,
  options?: Int8LinearOptions,
  run?: GraphRunOptions,
): Promise<PipelineResult>;
export async function quantizeLinearLayers(
  model: LayersModel,
  options?: Int8LinearOptions,
  run?: LayersRunOptions,
): Promise<QuantizedLayersModel>;
export async function quantizeLinearLayers(
  ...call: GraphCall | LayersCall
): Promise<PipelineResult | QuantizedLayersModel> {
  checkModel(call[0]);
  if (isGraphCall(call)) {
    const [model, options = {}, run = {}] = call;
    return quantizeGraphModel(model, options, run);
  }
  const [model, options = {}, run = {}] = call;
  return quantizeLayersModel(model, options, run);
}
