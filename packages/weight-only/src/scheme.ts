import type { WeightSettings } from './settings.js';

/** Settings with some of them changed; a changed granularity or group size stands for both. */
export function overridden(weights: WeightSettings, changes: Partial<WeightSettings>): WeightSettings {
  const { granularity, groupSize, ...rest } = weights;
  const regrouped = changes.granularity !== undefined || changes.groupSize !== undefined;
  return { ...rest, ...(regrouped ? {} : { granularity, groupSize }), ...changes };
}
