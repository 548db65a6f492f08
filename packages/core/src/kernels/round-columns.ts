import { groupsPerRow } from '../schemes/scheme.js';
import { hasCalibrationKernel, readResults, runCalibrationKernel } from './calibration-kernel.js';
import type { ColumnRounding, RoundedColumns } from './column-rounding.js';
import { roundColumnsReference } from './reference/round-columns.js';

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
  const { weight, rows, scheme, order, factor, damping, ranges } = rounding;
  if (typeof ranges === 'function' || !hasCalibrationKernel('TampRoundColumns')) {
    return roundColumnsReference(rounding);
  }
  const columns = order.length;
  const { scales, zeroPoints } = ranges;
  const shape = scheme.granularity.kind === 'tensor' ? [1, 1] : [rows, groupsPerRow(scheme, columns)];
  const results = runCalibrationKernel(
    'TampRoundColumns',
    {
      weight: { values: weight, shape: [rows, columns] },
      factor,
      order: { values: order, shape: [columns] },
      damping: { values: damping, shape: [columns] },
      scales: { values: scales, shape },
      ...(zeroPoints === undefined ? {} : { zeroPoints: { values: Int32Array.from(zeroPoints), shape } }),
    },
    { bits: scheme.bits, groupSize: columns / groupsPerRow(scheme, columns) },
  );
  const [levels, figures] = await readResults(results);
  return {
    levels: new Int8Array(levels.buffer, levels.byteOffset, rows * columns),
    ranges,
    figures: Float32Array.from(figures),
  };
}
