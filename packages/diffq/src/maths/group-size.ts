import { TampError } from '@tamp/core';

/** Elements per group of a parameter of `size` elements; groupSize 0 is one group. Throws when it does not divide. */
export function elementsPerGroup(groupSize: number, size: number, layer: string): number {
  if (groupSize === 0) return size;
  if (size % groupSize !== 0) {
    throw new TampError(`groups of ${groupSize} do not divide its ${size} elements`, {
      code: 'usage',
      at: { layer },
      remedy: `Choose a groupSize that divides every quantized parameter, or exclude this one with exclude: ['${layer}'].`,
    });
  }
  return groupSize;
}
