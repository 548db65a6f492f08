import type { SecondMoments } from '@tamp/core';

/**
 * In which order columns are rounded. Those rounded early have the most others left to make up for their error, so
 * columns with large inputs go first.
 * - `none`: left to right.
 * - `static`: by falling mean square of their input; scales were chosen before, from the original weights.
 * - `group`: whole groups by falling mean square, and so inside each group; a group's scale is chosen when its turn
 *   comes, from the weights as they then are.
 */
export type ColumnOrder = 'none' | 'static' | 'group';

/** Columns in the order of their turn. `groupSize` is that of the scheme, or the width where there are no groups. */
export function columnOrder(hessian: SecondMoments, order: ColumnOrder, groupSize: number): Int32Array {
  const { columns, diagonal: squares } = hessian;
  const natural = Int32Array.from({ length: columns }, (_, i) => i);
  if (order === 'none') return natural;
  if (order === 'static') return natural.sort((a, b) => squares[b] - squares[a] || a - b);
  const groups = new Float64Array(columns / groupSize);
  for (let i = 0; i < columns; i++) groups[Math.floor(i / groupSize)] += squares[i];
  return natural.sort((a, b) => {
    const [left, right] = [Math.floor(a / groupSize), Math.floor(b / groupSize)];
    return groups[right] - groups[left] || left - right || squares[b] - squares[a] || a - b;
  });
}
