import { TampError } from '@tamp/core';

/** Throws a `TampError` (`usage`) unless `count` is a whole number of at least 1. `of` is what it counts. */
export function checkCount(count: number, of: string): void {
  if (Number.isSafeInteger(count) && count >= 1) return;
  throw new TampError(`${count} ${of} are not possible`, {
    code: 'usage',
    remedy: 'Choose a whole number of at least 1.',
  });
}
