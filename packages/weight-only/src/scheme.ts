import type { SchemeChanges, SchemeOptions } from '@tamp/core';

/** Settings with some of them changed; a changed granularity or group size stands for both. */
export function overridden(weights: SchemeOptions, changes: SchemeChanges): SchemeOptions {
  const { granularity, groupSize, ...rest } = weights;
  const regrouped = changes.granularity !== undefined || changes.groupSize !== undefined;
  return { ...rest, ...(regrouped ? {} : { granularity, groupSize }), ...changes };
}
