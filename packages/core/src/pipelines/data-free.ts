import { TampError } from '../errors/tamp-error.js';
import type { Model } from '../model/model.js';
import {
  driveWholeModel,
  type NamedModifier,
  type PipelineOptions,
  type PipelineResult,
} from './pipeline.js';

/** Drives modifiers that need no data over the whole model, one after the other. */
export function runDataFree(
  model: Model,
  modifiers: readonly NamedModifier[],
  options: PipelineOptions = {},
): Promise<PipelineResult> {
  return driveWholeModel(model, modifiers, options, async () => {
    throw new TampError('it observes values, and there is no calibration data', {
      code: 'usage',
      remedy: 'Give data.calibration in the recipe.',
    });
  });
}
