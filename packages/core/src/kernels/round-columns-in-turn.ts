import * as tf from '@tensorflow/tfjs-core';
import { nextTask } from '../execution/next-task.js';
import { type AffineScheme, groupsPerRow } from '../schemes/scheme.js';
import type { ColumnRounding, RoundedColumns, TurnRanges } from './column-rounding.js';
import { roundColumnsByKernel } from './round-columns-by-kernel.js';

/** The inverse of the upper triangular block of R at positions [from, from + size). */
function inverseOfBlock(r: Float32Array, columns: number, from: number, size: number): Float32Array {
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    for (let i = j; i >= 0; i--) {
      let sum = i === j ? 1 : 0;
      for (let k = i + 1; k <= j; k++) sum -= r[(from + i) * columns + from + k] * inverse[k * size + j];
      inverse[i * size + j] = sum / r[(from + i) * columns + from + i];
    }
  }
  return Float32Array.from(inverse);
}

/** Rows and columns [from, to) of a row-major matrix. */
function partOf(
  values: Float32Array,
  columns: number,
  rows: readonly [number, number],
  [from, to]: readonly [number, number],
): tf.Tensor2D {
  const width = to - from;
  const part = new Float32Array((rows[1] - rows[0]) * width);
  for (let row = rows[0]; row < rows[1]; row++) {
    part.set(values.subarray(row * columns + from, row * columns + to), (row - rows[0]) * width);
  }
  return tf.tensor2d(part, [rows[1] - rows[0], width]);
}

/**
 * `roundColumns` where `choose` gives a group's scales when its turn comes, with the backend's kernel for one group after
 * the other. The errors so far move a group's best weights: with E the errors of the positions before it, their shift s
 * solves s · R[group, group] = E · R[before, group]; rounding w + s against R[group, group] alone is then the same as
 * rounding w against all of R.
 */
export async function roundColumnsInTurn(
  { weight, rows, scheme, order, factor, damping }: ColumnRounding,
  choose: TurnRanges,
): Promise<RoundedColumns> {
  const columns = order.length;
  const r = await factor.data<'float32'>();
  const groups = groupsPerRow(scheme, columns);
  const size = columns / groups;
  const oneGroup: AffineScheme = { ...scheme, granularity: { kind: 'channel' } };
  const levels = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groups);
  const zeroPoints = scheme.symmetric ? undefined : new Int8Array(rows * groups);
  const figures = new Float64Array(rows * 3);
  /** (w − ŵ) by row and position. */
  const errors = new Float32Array(rows * columns);

  /** s, [rows, size] by position in the group. */
  const shiftAt = async (from: number): Promise<Float32Array> => {
    if (from === 0) return new Float32Array(rows * size);
    const shift = tf.tidy(() => {
      const before = partOf(errors, columns, [0, rows], [0, from]);
      const inverse = tf.tensor2d(inverseOfBlock(r, columns, from, size), [size, size]);
      return tf.matMul(before, tf.matMul(partOf(r, columns, [0, from], [from, from + size]), inverse));
    });
    try {
      // A backend may give a view of memory that it uses again.
      return (await shift.data<'float32'>()).slice();
    } finally {
      shift.dispose();
    }
  };

  for (let from = 0; from < columns; from += size) {
    const group = Math.floor(order[from] / size);
    const local = order.slice(from, from + size).map((column) => column - group * size);
    const shift = await shiftAt(from);
    const wanted = new Float32Array(rows * size);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < size; i++) {
        const index = row * columns + group * size + local[i];
        wanted[row * size + local[i]] = weight[index] + shift[row * size + i];
      }
    }
    const ranges = await choose(wanted, size, group);
    const block = partOf(r, columns, [from, from + size], [from, from + size]);
    let rounded: RoundedColumns;
    try {
      // The damping's share is that of w − ŵ, which the shift is no part of: it is taken off below.
      const none = new Float32Array(size);
      rounded = await roundColumnsByKernel({
        weight: wanted,
        rows,
        scheme: oneGroup,
        order: local,
        factor: block,
        damping: none,
        ranges,
      });
    } finally {
      block.dispose();
    }
    for (let row = 0; row < rows; row++) {
      const scale = ranges.scales[row];
      const zeroPoint = ranges.zeroPoints?.[row] ?? 0;
      scales[row * groups + group] = scale;
      if (zeroPoints !== undefined) zeroPoints[row * groups + group] = zeroPoint;
      figures[row * 3] += rounded.figures[row * 3];
      for (let i = 0; i < size; i++) {
        const index = row * columns + group * size + local[i];
        const level = rounded.levels[row * size + local[i]];
        const error = weight[index] - Math.fround((level - zeroPoint) * scale);
        levels[index] = level;
        errors[row * columns + from + i] = error;
        figures[row * 3] -= damping[from + i] * error * error;
        figures[row * 3 + 1] += error * error;
        figures[row * 3 + 2] += weight[index] * weight[index];
      }
    }
    await nextTask();
  }
  return {
    levels,
    ranges: { scales, ...(zeroPoints === undefined ? {} : { zeroPoints }) },
    figures: Float32Array.from(figures),
  };
}
