import type { WeightRanges } from '../affine/quantize-weight.js';
import { groupsPerRow } from '../schemes/scheme.js';
import { readResults, runCalibrationKernel } from './calibration-kernel.js';
import type { ColumnRounding, RoundedColumns } from './column-rounding.js';

/** A rounding whose scales are known. */
export interface RangedRounding extends Omit<ColumnRounding, 'ranges'> {
  readonly ranges: WeightRanges;
}

/** `roundColumns` by the backend's `TampRoundColumns`, which must be there. */
export async function roundColumnsByKernel(rounding: RangedRounding): Promise<RoundedColumns> {
  const { weight, rows, scheme, order, factor, damping, ranges } = rounding;
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
