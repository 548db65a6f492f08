import { TampError } from '@tamp/core';

/** How the learning rate of the model's parameters changes: a factor on the optimizer's own. */
export type LearningRateSchedule =
  | { readonly kind: 'constant' }
  /** From 1 down to `final` along half a cosine. */
  | { readonly kind: 'cosine'; readonly final?: number }
  /** Times `factor` after every `epochs` epochs. */
  | { readonly kind: 'step'; readonly epochs: number; readonly factor: number };

/** A schedule with steps of linear warm-up before it. */
export interface LearningRateOptions {
  readonly schedule?: LearningRateSchedule;
  readonly warmupSteps?: number;
}

/** The factor for step `step` (0-based) of a training of `steps` steps, `stepsPerEpoch` in each epoch. */
export function learningRateFactor(
  { schedule = { kind: 'constant' }, warmupSteps = 0 }: LearningRateOptions,
  step: number,
  steps: number,
  stepsPerEpoch: number,
): number {
  const warmup = step < warmupSteps ? (step + 1) / (warmupSteps + 1) : 1;
  switch (schedule.kind) {
    case 'constant':
      return warmup;
    case 'cosine': {
      const { final = 0 } = schedule;
      return warmup * (final + ((1 - final) * (1 + Math.cos((Math.PI * step) / steps))) / 2);
    }
    case 'step':
      return warmup * schedule.factor ** Math.floor(Math.floor(step / stepsPerEpoch) / schedule.epochs);
  }
}

/** Throws a `TampError` (`usage`) for a schedule that is not possible. */
export function checkLearningRate({ schedule, warmupSteps = 0 }: LearningRateOptions): void {
  const wrong = (problem: string): TampError => new TampError(problem, { code: 'usage' });
  if (!Number.isSafeInteger(warmupSteps) || warmupSteps < 0) {
    throw wrong(`warmupSteps ${warmupSteps} is not a number of steps`);
  }
  if (schedule?.kind === 'step' && !(schedule.epochs >= 1 && schedule.factor > 0)) {
    throw wrong('a step schedule needs epochs of 1 or more and a factor above 0');
  }
  if (schedule?.kind === 'cosine' && !((schedule.final ?? 0) >= 0)) throw wrong('final must be 0 or more');
}
