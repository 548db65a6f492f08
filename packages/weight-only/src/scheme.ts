import type { AffineScheme, Granularity } from '@tamp/core';
import type { WeightSettings } from './settings.js';

/** The group size of most published 4-bit models. */
const usualGroupSize = 128;

function granularityOf({ bits, granularity, groupSize }: WeightSettings): Granularity {
  const kind = granularity ?? (groupSize !== undefined || bits < 8 ? 'group' : 'channel');
  return kind === 'group' ? { kind, groupSize: groupSize ?? usualGroupSize } : { kind };
}

/** The scheme that settings mean. Whether it fits a layer, `checkScheme` says. */
export function schemeOf(weights: WeightSettings): AffineScheme {
  return { bits: weights.bits, symmetric: weights.symmetric, granularity: granularityOf(weights) };
}

/** Settings with some of them changed; a changed granularity or group size stands for both. */
export function overridden(weights: WeightSettings, changes: Partial<WeightSettings>): WeightSettings {
  const { granularity, groupSize, ...rest } = weights;
  const regrouped = changes.granularity !== undefined || changes.groupSize !== undefined;
  return { ...rest, ...(regrouped ? {} : { granularity, groupSize }), ...changes };
}
