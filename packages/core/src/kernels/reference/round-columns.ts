import * as tf from '@tensorflow/tfjs-core';
import type { WeightRanges } from '../../affine/quantize-weight.js';
import { nextTask } from '../../execution/next-task.js';
import { roundHalfEven } from '../../numeric/round-half-even.js';
import { groupsPerRow, levelRange, scaleCount } from '../../schemes/scheme.js';
import type { ColumnRounding, RoundedColumns } from '../column-rounding.js';

/** Positions where a block of columns begins, and their end. */
function blocksOf(
  columns: number,
  blockColumns: number,
  groupSize: number,
  wholeGroups: boolean,
): readonly number[] {
  // A group whose scale waits for its turn must be up to date as a whole.
  const size = wholeGroups ? Math.max(1, Math.floor(blockColumns / groupSize)) * groupSize : blockColumns;
  return Array.from({ length: Math.ceil(columns / size) }, (_, i) => i * size).concat(columns);
}

/** errors [rows, start] · R [start, block]: what the errors so far ask of the columns of a block. */
async function earlierErrors(
  errors: Float32Array,
  rows: number,
  r: Float32Array,
  columns: number,
  start: number,
  end: number,
): Promise<Float32Array> {
  const width = end - start;
  if (start === 0) return new Float32Array(rows * width);
  const left = new Float32Array(rows * start);
  for (let row = 0; row < rows; row++) {
    left.set(errors.subarray(row * columns, row * columns + start), row * start);
  }
  const right = new Float32Array(start * width);
  for (let i = 0; i < start; i++) {
    right.set(r.subarray(i * columns + start, i * columns + end), i * width);
  }
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d(left, [rows, start]), tf.tensor2d(right, [start, width])),
  );
  try {
    // A backend may give a view of memory that it uses again.
    return (await product.data<'float32'>()).slice();
  } finally {
    product.dispose();
  }
}

/** The reference of `roundColumns`; products of matrices by tfjs, on any backend. */
export async function roundColumnsReference(rounding: ColumnRounding): Promise<RoundedColumns> {
  const { weight, rows, scheme, order, damping, ranges: given } = rounding;
  const columns = order.length;
  const r = await rounding.factor.data<'float32'>();
  const groups = groupsPerRow(scheme, columns);
  const groupSize = columns / groups;
  const perTensor = scheme.granularity.kind === 'tensor';
  const inTurn = typeof given === 'function' ? given : undefined;
  const { min, max } = levelRange(scheme.bits);

  const levels = new Int8Array(rows * columns);
  const figures = new Float64Array(rows * 3);
  const count = scaleCount(scheme, rows, columns);
  const ranges: WeightRanges =
    typeof given !== 'function'
      ? given
      : {
          scales: new Float32Array(count),
          ...(scheme.symmetric ? {} : { zeroPoints: new Int8Array(count) }),
        };
  const { scales, zeroPoints } = ranges;

  // (w − ŵ) by row and position.
  const errors = new Float32Array(rows * columns);

  /** Chooses the scales of the group at positions [from, to) from the weights that the errors before it ask for. */
  const chooseInTurn = async (
    choose: NonNullable<typeof inTurn>,
    wanted: Float32Array,
    start: number,
    end: number,
    from: number,
  ): Promise<void> => {
    const width = end - start;
    const group = Math.floor(order[from] / groupSize);
    const updated = new Float32Array(rows * groupSize);
    const shift = new Float64Array(groupSize);
    for (let row = 0; row < rows; row++) {
      // The best weights for the columns left solve shift · R[group, group] = what the errors ask for.
      for (let i = 0; i < groupSize; i++) {
        let sum = wanted[row * width + from - start + i];
        for (let k = 0; k < i; k++) sum -= shift[k] * r[(from + k) * columns + from + i];
        shift[i] = sum / r[(from + i) * columns + from + i];
      }
      for (let i = 0; i < groupSize; i++) {
        const column = order[from + i];
        updated[row * groupSize + column - group * groupSize] = weight[row * columns + column] + shift[i];
      }
    }
    const chosen = await choose(updated, groupSize, group);
    for (let row = 0; row < rows; row++) {
      scales[row * groups + group] = chosen.scales[row];
      if (zeroPoints !== undefined && chosen.zeroPoints !== undefined) {
        zeroPoints[row * groups + group] = chosen.zeroPoints[row];
      }
    }
  };

  /** Rounds positions [from, to) of every row; `wanted` holds what errors before `start` and since ask for. */
  const roundPositions = (
    wanted: Float32Array,
    start: number,
    end: number,
    from: number,
    to: number,
  ): void => {
    const width = end - start;
    for (let row = 0; row < rows; row++) {
      const base = row * width - start;
      for (let at = from; at < to; at++) {
        const column = order[at];
        const index = row * columns + column;
        const group = perTensor ? 0 : row * groups + Math.floor(column / groupSize);
        const scale = scales[group];
        const zeroPoint = zeroPoints === undefined ? 0 : zeroPoints[group];
        const diagonal = r[at * columns + at];
        const target = weight[index] + wanted[base + at] / diagonal;
        const exact = Math.fround(Math.fround(target / scale) + zeroPoint);
        const level = roundHalfEven(Math.min(Math.max(exact, min), max));
        const value = Math.fround((level - zeroPoint) * scale);
        levels[index] = level;
        const error = weight[index] - value;
        errors[row * columns + at] = error;
        figures[row * 3] += (wanted[base + at] + error * diagonal) ** 2 - damping[at] * error * error;
        figures[row * 3 + 1] += error * error;
        figures[row * 3 + 2] += weight[index] * weight[index];
        const factorRow = at * columns;
        for (let later = at + 1; later < end; later++) wanted[base + later] += error * r[factorRow + later];
      }
    }
  };

  const bounds = blocksOf(columns, rounding.blockColumns ?? 128, groupSize, inTurn !== undefined);
  for (let block = 0; block + 1 < bounds.length; block++) {
    const [start, end] = [bounds[block], bounds[block + 1]];
    const wanted = await earlierErrors(errors, rows, r, columns, start, end);
    if (inTurn === undefined) roundPositions(wanted, start, end, start, end);
    else {
      for (let from = start; from < end; from += groupSize) {
        await chooseInTurn(inTurn, wanted, start, end, from);
        roundPositions(wanted, start, end, from, from + groupSize);
      }
    }
    await nextTask();
  }
  return { levels, ranges, figures: Float32Array.from(figures) };
}
