import { TampError } from '@tamp/core';
import type { EpochReport } from '../report.js';
import type { EarlyStop } from './training-options.js';

/** The figure of an epoch that early stopping looks at, smaller being better. */
function badness(report: EpochReport, metric: NonNullable<EarlyStop['metric']>): number {
  const { loss, validation } = report;
  const value =
    metric === 'loss' ? loss : metric === 'validationLoss' ? validation?.loss : validation?.accuracy;
  if (value === undefined) {
    throw new TampError(`early stopping looks at ${metric}, which there is none of`, {
      code: 'usage',
      remedy: "Give validation data, a loss with an accuracy, or metric: 'loss'.",
    });
  }
  return metric === 'validationAccuracy' ? -value : value;
}

/** Whether the epochs so far say that training should stop. */
export function shouldStop(history: readonly EpochReport[], earlyStop: EarlyStop): boolean {
  const { metric = 'validationLoss', patience, minDelta = 0 } = earlyStop;
  let best = Number.POSITIVE_INFINITY;
  let since = 0;
  for (const report of history) {
    const value = badness(report, metric);
    if (value < best - minDelta) {
      best = value;
      since = 0;
    } else since++;
  }
  return since > patience;
}
