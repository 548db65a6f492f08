import { TampError } from '@tamp/core';
import { sizeBudget } from './size-budget.js';
import { fixedPenalty, type SizePenalty } from './size-penalty.js';

/** What size costs in the loss: a penalty, or a budget to land on. Not both. */
export interface SizePenaltyOptions {
  /** Loss per MiB; 0 or more. Default 0: nothing makes the model smaller. */
  readonly penalty?: number;
  /** Size to land on: below 1 a fraction of the float32 model, otherwise bytes. */
  readonly targetSize?: number;
}

/** Sizes in MiB that a budget must lie between. */
export interface SizedModel {
  readonly floatModelSize: number;
  sizeBounds(): { readonly smallest: number; readonly largest: number };
}

/** A target size in MiB. Throws a `TampError` (`usage`) when it is none the model can have. */
export function targetInMiB(targetSize: number, model: SizedModel): number {
  if (!(targetSize > 0 && targetSize < Infinity)) {
    throw new TampError(`targetSize ${targetSize} is not a size`, {
      code: 'usage',
      remedy: 'Give bytes, or a fraction of the float32 size below 1.',
    });
  }
  const target = targetSize < 1 ? targetSize * model.floatModelSize : targetSize / 2 ** 20;
  const { smallest, largest } = model.sizeBounds();
  if (target < smallest || target > largest) {
    const bytes = (size: number): number => Math.round(size * 2 ** 20);
    throw new TampError(
      `a size of ${bytes(target)} bytes is out of reach: with these options the model has ${bytes(smallest)} to ${bytes(largest)}`,
      {
        code: 'usage',
        remedy: 'Change targetSize, or minBits, maxBits, minSize, float16 and exclude.',
      },
    );
  }
  return target;
}

/** The penalty that the options ask for. Throws a `TampError` (`usage`) for both kinds, or one that is not possible. */
export function chooseSizePenalty(
  { penalty, targetSize }: SizePenaltyOptions,
  model: SizedModel,
): SizePenalty {
  if (penalty !== undefined && targetSize !== undefined) {
    throw new TampError('penalty and targetSize exclude each other', {
      code: 'usage',
      remedy: 'Leave one of them out.',
    });
  }
  if (targetSize !== undefined) return sizeBudget(targetInMiB(targetSize, model));
  const weight = penalty ?? 0;
  if (!(weight >= 0 && weight < Infinity)) {
    throw new TampError(`penalty ${weight} is not possible`, {
      code: 'usage',
      remedy: 'Give a number from 0.',
    });
  }
  return fixedPenalty(weight);
}
