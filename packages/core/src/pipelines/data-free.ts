import { TampError } from '../errors/tamp-error.js';
import type { Model } from '../model/model.js';
import { driveWholeModel, type WholeModelOptions } from './drive-whole-model.js';
import type { NamedModifier, PipelineResult } from './pipeline.js';

/**
 * Drives modifiers that need no data over the whole model, one after the other. With a `checkpoint` it goes on from
 * where another run stopped, and ends with the same bytes.
 */
export function runDataFree(
  model: Model,
  modifiers: readonly NamedModifier[],
  options: WholeModelOptions = {},
): Promise<PipelineResult> {
  return driveWholeModel(model, modifiers, options, async () => {
    throw new TampError('it observes values, and there is no calibration data', {
      code: 'usage',
      remedy: 'Give data.calibration in the recipe.',
    });
  });
}
