import { type SecondMoments, TampError } from '@tamp/core';
import { factorize } from './factorize.js';

/** A Hessian in factored form, its columns in the order of their turn. */
export interface DampedFactor {
  readonly columns: number;
  /** Column whose turn comes at each position. */
  readonly order: Int32Array;
  /** [columns, columns] by position; upper triangular R with R · Rᵀ = H + damping · mean(diagonal) · identity. */
  readonly values: Float32Array;
  /** The share of the mean diagonal that was added; more than asked for when that did not do. */
  readonly damping: number;
  /** damping · mean(diagonal). */
  readonly added: number;
}

/** The damping grows by this factor until the Hessian is positive definite in float32. */
const growth = 10;
const mostAttempts = 6;
/** What an attempt after a failed one without damping starts from. */
const smallestDamping = 1e-4;

/** Mean of the diagonal over columns that saw any input; 1 when none did. */
function meanPower({ columns, values }: SecondMoments): number {
  let sum = 0;
  let live = 0;
  for (let i = 0; i < columns; i++) {
    const square = values[i * columns + i];
    if (square <= 0) continue;
    sum += square;
    live++;
  }
  return live === 0 ? 1 : sum / live;
}

function permuted({ columns, values }: SecondMoments, order: Int32Array, added: number): Float32Array {
  const a = new Float32Array(columns * columns);
  for (let i = 0; i < columns; i++) {
    const row = order[i] * columns;
    for (let j = i; j < columns; j++) a[i * columns + j] = values[row + order[j]];
  }
  for (let i = 0; i < columns; i++) {
    // A dead column (its input was always 0) has no say over the others, and is rounded to nearest.
    a[i * columns + i] = a[i * columns + i] > 0 ? a[i * columns + i] + added : 1;
  }
  return a;
}

/**
 * Factors H + damping · mean(diagonal) · identity. When that is not positive definite, the damping grows tenfold and
 * again; the result says which it became. Rejects with a `TampError` (`data`) when no reasonable damping does.
 */
export async function dampedFactor(
  hessian: SecondMoments,
  order: Int32Array,
  damping: number,
  layer: string,
): Promise<DampedFactor> {
  const mean = meanPower(hessian);
  let share = damping;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const values = permuted(hessian, order, share * mean);
    if (await factorize(values, hessian.columns)) {
      return { columns: hessian.columns, order, values, damping: share, added: share * mean };
    }
    share = Math.max(share * growth, smallestDamping);
  }
  throw new TampError(
    `the Hessian of its inputs is not positive definite, even with a damping of ${share / growth}`,
    {
      code: 'data',
      at: { layer },
      remedy: `Give more calibration data (${hessian.rows} rows were seen for ${hessian.columns} columns), or check it for extreme values.`,
    },
  );
}
