import { type SecondMoments, TampError, upperFactor } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';

/** A Hessian in factored form, its columns in the order of their turn. */
export interface DampedFactor {
  readonly columns: number;
  /** Column whose turn comes at each position. */
  readonly order: Int32Array;
  /** [columns, columns] by position; upper triangular R with R · Rᵀ = H + damping · mean(diagonal) · identity. */
  readonly values: tf.Tensor;
  /** The share of the mean diagonal that was added; more than asked for when that did not do. */
  readonly damping: number;
  /** damping · mean(diagonal). */
  readonly added: number;
  /**
   * By position, how much of the diagonal is damping: {@link added}, and all of it, 1, for a dead column (its input was
   * always 0), which has no say over the others and is rounded to nearest.
   */
  readonly dampingByPosition: Float32Array;
  /** Frees the tensor. */
  dispose(): void;
}

/** The damping grows by this factor until the Hessian is positive definite in float32. */
const growth = 10;
const mostAttempts = 6;
/** What an attempt after a failed one without damping starts from. */
const smallestDamping = 1e-4;

/** Mean of the diagonal over columns that saw any input; 1 when none did. */
function meanPower({ diagonal }: SecondMoments): number {
  let sum = 0;
  let live = 0;
  for (const square of diagonal) {
    if (square <= 0) continue;
    sum += square;
    live++;
  }
  return live === 0 ? 1 : sum / live;
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
  const { columns } = hessian;
  const mean = meanPower(hessian);
  let share = damping;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const added = share * mean;
    const values = await upperFactor(hessian.values, order, added);
    if (values !== undefined) {
      return {
        columns,
        order,
        values,
        damping: share,
        added,
        dampingByPosition: Float32Array.from(order, (column) => (hessian.diagonal[column] > 0 ? added : 1)),
        dispose: () => values.dispose(),
      };
    }
    share = Math.max(share * growth, smallestDamping);
  }
  throw new TampError(
    `the Hessian of its inputs is not positive definite, even with a damping of ${share / growth}`,
    {
      code: 'data',
      at: { layer },
      remedy: `Give more calibration data (${hessian.rows} rows were seen for ${columns} columns), or check it for extreme values.`,
    },
  );
}
