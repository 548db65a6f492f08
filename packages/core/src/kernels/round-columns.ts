import { hasCalibrationKernel } from './calibration-kernel.js';
import type { ColumnRounding, RoundedColumns } from './column-rounding.js';
import { roundColumnsReference } from './reference/round-columns.js';
import { roundColumnsByKernel } from './round-columns-by-kernel.js';
import { roundColumnsInTurn } from './round-columns-in-turn.js';

/**
 * Rounds a weight column by column, each also making up for the errors of those before it: GPTQ (Frantar et al. 2022).
 *
 * With H + damping = R · Rᵀ (R upper triangular, columns in the order of their turn) the error of a row is
 * ‖(w − ŵ) R‖², and its element j, ((w − ŵ)ⱼ Rⱼⱼ + Σᵢ<ⱼ (w − ŵ)ᵢ Rᵢⱼ)², is the last that depends on column j alone given
 * those before: it is smallest when ŵⱼ is the nearest level to wⱼ + Σᵢ<ⱼ (w − ŵ)ᵢ Rᵢⱼ / Rⱼⱼ. This gives what the
 * paper's updates through the inverse Hessian give, without the inverse.
 *
 * Contract of `TampRoundColumns`: inputs weight float32 [rows, columns], factor float32 [columns, columns], order int32
 * [columns], damping float32 [columns], scales float32 [rows, groups] or [1, 1], optional zeroPoints int32 of that
 * shape; attributes bits, groupSize (columns that share a scale). Results: levels as bytes, row-major, four to an int32,
 * [⌈rows · columns / 4⌉]; figures float32 [rows, 3]. ŵ = fround((level − zero point) · scale); sums are float32 or
 * better, so where a value lies within their rounding of halfway between two levels either may come out. Rows do not
 * depend on each other.
 */
export async function roundColumns(rounding: ColumnRounding): Promise<RoundedColumns> {
  const { ranges } = rounding;
  if (!hasCalibrationKernel('TampRoundColumns')) return roundColumnsReference(rounding);
  if (typeof ranges === 'function') return roundColumnsInTurn(rounding, ranges);
  return roundColumnsByKernel({ ...rounding, ranges });
}
