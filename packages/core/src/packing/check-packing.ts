import { TampError } from '../errors/tamp-error.js';

/** Throws a `TampError` (`usage`) unless values of that many bits can be packed: 1 to 16. */
export function checkPackedBits(bits: number): void {
  if (Number.isInteger(bits) && bits >= 1 && bits <= 16) return;
  throw new TampError(`values of ${bits} bits cannot be packed`, {
    code: 'usage',
    remedy: 'Choose 1 to 16 bits.',
  });
}

/** Throws a `TampError` (`usage`) unless an array has the length that its layout asks for. */
export function checkPackedLength(length: number, expected: number, what: string): void {
  if (length === expected) return;
  throw new TampError(`there are ${length} ${what}, not ${expected}`, { code: 'usage' });
}

/** Throws a `TampError` (`data`) at the first value that is not a whole number of [min, min + 2^bits - 1]. */
export function checkPackedValues(values: ArrayLike<number>, bits: number, min: number): void {
  const max = min + 2 ** bits - 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value >= min && value <= max && Number.isInteger(value)) continue;
    throw new TampError(`the value ${value} at position ${i} does not fit ${bits} bits`, { code: 'data' });
  }
}
