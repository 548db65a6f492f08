import {
  type AffineScheme,
  groupsPerRow,
  type QuantizedWeight,
  type QuantizeWeightOptions,
  type RangeSearch,
  type RoundedColumns,
  roundColumns,
  type ScaleFormat,
  searchRanges,
  type TurnRanges,
  type WeightRanges,
} from '@tamp/core';
import type { ColumnOrder } from '../factor/column-order.js';
import type { DampedFactor } from '../factor/damped-factor.js';

/** Options of {@link gptqWeight}. */
export interface GptqOptions {
  /** Search for the ranges with the smallest error weighted by the inputs' mean squares; absent: minimum and maximum. */
  readonly search?: Omit<RangeSearch, 'importance'>;
  readonly scaleFormat: ScaleFormat;
  /** The order the factor was made with. */
  readonly order: ColumnOrder;
  /** Columns between two updates of all later ones. */
  readonly blockSize: number;
  /** Mean square of each column's input. */
  readonly importance: Float32Array;
  /** Names the layer in errors. */
  readonly layer: string;
  readonly signal: AbortSignal;
}

/** A weight after GPTQ. */
export interface GptqWeight {
  readonly quantized: QuantizedWeight;
  /** Per row, the squared error of its outputs, Σ(w − ŵ)² and Σw²: [rows, 3]. */
  readonly figures: Float32Array;
}

/** Multiplications in one go: around a second on a slow machine. Between two, others run and a signal is obeyed. */
const mostMultiplications = 4e9;

/** Rows that are rounded in one go. */
function rowsAtATime(rows: number, columns: number): number {
  // Whole vectors of four rows, so that no lane is idle.
  return Math.min(rows, Math.max(4, 4 * Math.floor(mostMultiplications / (2 * columns * columns))));
}

/** The ranges of rows [from, to), or what chooses them. */
function rangesOfRows(
  ranges: WeightRanges | TurnRanges,
  perRow: number,
  from: number,
  to: number,
): WeightRanges | TurnRanges {
  if (typeof ranges === 'function' || perRow === 0) return ranges;
  const { scales, zeroPoints } = ranges;
  return {
    scales: scales.subarray(from * perRow, to * perRow),
    ...(zeroPoints === undefined ? {} : { zeroPoints: zeroPoints.subarray(from * perRow, to * perRow) }),
  };
}

function concatenated(
  parts: readonly RoundedColumns[],
  rows: number,
  columns: number,
  wholeRanges: WeightRanges | undefined,
): GptqWeight {
  const [only] = parts;
  if (parts.length === 1) {
    return { quantized: { levels: only.levels, ...(wholeRanges ?? only.ranges) }, figures: only.figures };
  }
  const levels = new Int8Array(rows * columns);
  const figures = new Float32Array(rows * 3);
  let row = 0;
  for (const part of parts) {
    levels.set(part.levels, row * columns);
    figures.set(part.figures, row * 3);
    row += part.figures.length / 3;
  }
  if (wholeRanges !== undefined) return { quantized: { levels, ...wholeRanges }, figures };
  const scales = Float32Array.from(parts.flatMap(({ ranges }) => [...ranges.scales]));
  const zeroPoints = Int8Array.from(parts.flatMap(({ ranges }) => [...(ranges.zeroPoints ?? [])]));
  const symmetric = parts[0]?.ranges.zeroPoints === undefined;
  return { quantized: { levels, scales, ...(symmetric ? {} : { zeroPoints }) }, figures };
}

/**
 * Rounds a weight [rows, columns] column by column, each column also making up for the errors of those before it, so
 * that the squared error of the layer's outputs on the calibration data is small: GPTQ (Frantar et al. 2022), by
 * `roundColumns` of @tamp/core.
 */
export async function gptqWeight(
  weight: Float32Array,
  rows: number,
  scheme: AffineScheme,
  factor: DampedFactor,
  options: GptqOptions,
): Promise<GptqWeight> {
  const { columns, order, values, dampingByPosition } = factor;
  const { importance, layer, search, signal } = options;
  const perTensor = scheme.granularity.kind === 'tensor';
  const perRow = perTensor ? 0 : groupsPerRow(scheme, columns);
  const groupSize = columns / groupsPerRow(scheme, columns);
  const rangeOptions = (of: Float32Array): QuantizeWeightOptions => ({
    layer,
    scaleFormat: options.scaleFormat,
    ...(search === undefined ? {} : { search: { ...search, importance: of } }),
  });
  const inTurn: TurnRanges = (group, size, index) => {
    const one: AffineScheme = { ...scheme, granularity: { kind: 'channel' } };
    const inside = importance.subarray(index * groupSize, index * groupSize + size);
    return searchRanges(group, group.length / size, size, one, rangeOptions(inside));
  };
  // One scale for a row or the whole weight has its turn before the first column, so it is chosen from the original.
  const early =
    options.order !== 'static' && scheme.granularity.kind === 'group'
      ? undefined
      : await searchRanges(weight, rows, columns, scheme, rangeOptions(importance));

  const parts: RoundedColumns[] = [];
  const step = rowsAtATime(rows, columns);
  for (let row = 0; row < rows; row += step) {
    signal.throwIfAborted();
    const end = Math.min(rows, row + step);
    parts.push(
      await roundColumns({
        weight: weight.subarray(row * columns, end * columns),
        rows: end - row,
        scheme,
        order,
        factor: values,
        damping: dampingByPosition,
        ranges: rangesOfRows(early ?? inTurn, perRow, row, end),
        blockColumns: options.blockSize,
      }),
    );
  }
  return concatenated(parts, rows, columns, early);
}
