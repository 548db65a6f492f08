import {
  type CalibrationBatches,
  type Model,
  type PipelineOptions,
  type PipelineResult,
  parseModifierOptions,
  runBasic,
  runDataFree,
  TampError,
} from '@tamp/core';
import { int8LinearModifier } from './modifier.js';
import type { Int8LinearOptions } from './settings.js';

/** How a graph model is quantized: progress, cancelling, and data for static activations. */
export interface GraphRunOptions extends PipelineOptions {
  /** Needed for static activations, and only for them. */
  readonly calibration?: CalibrationBatches;
}

/** The error for static activations without data to find them from. */
export function noCalibration(): TampError {
  return new TampError('static activations need calibration data', {
    code: 'usage',
    remedy: "Give calibration batches, or choose activation kind 'token' or 'tensor'.",
  });
}

/** Makes the linear layers of a graph model int8, without a recipe. */
export async function quantizeGraphModel(
  model: Model,
  options: Int8LinearOptions,
  { calibration, ...run }: GraphRunOptions,
): Promise<PipelineResult> {
  const modifier = int8LinearModifier.create(parseModifierOptions(int8LinearModifier, options));
  modifier.plan(model);
  const named = [{ name: int8LinearModifier.name, modifier }];
  if (modifier.needs === 'nothing') return runDataFree(model, named, run);
  if (calibration === undefined || calibration.count === 0) throw noCalibration();
  return runBasic(model, named, calibration, run);
}
