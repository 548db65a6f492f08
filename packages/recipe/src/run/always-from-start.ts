import { canResume } from '@tamp/core';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';

/** Why a run cannot be taken up again, and keeps nothing for that, if so. */
export function alwaysFromStart({
  calibration,
  calibrationData,
  trainingData,
  recipe,
  modifiers,
}: PreparedRecipe): string | undefined {
  if (trainingData !== undefined) {
    return 'what modifiers do depends on the training before them, which has a checkpoint of its own';
  }
  const calibratesWhole =
    calibration === undefined ? calibrationData !== undefined : recipe.pipeline.kind === 'basic';
  if (calibratesWhole) return 'the data flows through the whole model before anything is finished';
  const last = modifiers.find((modifier) => !canResume([modifier]));
  if (calibration === undefined || last === undefined) return undefined;
  return `${last.name} finishes after all parts, and does not save what it has seen of them`;
}
