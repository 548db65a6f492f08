import {
  type CalibrationBatches,
  type Model,
  type PipelineOptions,
  type PipelineResult,
  runBasic,
} from '@tamp/core';
import { noCalibration } from '../quantize-graph-model.js';
import { createStaticInt8 } from './static-int8.js';
import { type StaticInt8Options, staticSettings } from './static-options.js';

/** How a model is made static int8: data for the ranges, progress and cancelling. */
export interface StaticRunOptions extends PipelineOptions {
  readonly calibration: CalibrationBatches;
}

/**
 * Makes a model's linear layers and convolutions int8 back to back: the input is quantized once, ReLU (fused), sums,
 * max pooling and reshaping stay int8, and the values become floats again at the end or where another operator reads
 * them. Scales and zero points come from observers of inputs and outputs while calibration data flows. The model given
 * is not changed. Rejects with a `TampError`: `usage` before any work when the options do not suit the model or there
 * is no data; `data`, naming the layer, for NaN and infinities.
 */
export async function quantizeStatically(
  model: Model,
  options: StaticInt8Options,
  { calibration, ...run }: StaticRunOptions,
): Promise<PipelineResult> {
  const modifier = createStaticInt8('@tamp/int8-linear/static', staticSettings(options));
  modifier.plan(model);
  if (calibration.count === 0) throw noCalibration();
  return runBasic(model, [{ name: '@tamp/int8-linear/static', modifier }], calibration, run);
}
