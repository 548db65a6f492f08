import {
  type AffineScheme,
  groupsPerRow,
  levelRange,
  nextTask,
  type QuantizedWeight,
  roundHalfEven,
  scaleCount,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { ColumnOrder } from '../factor/column-order.js';
import type { DampedFactor } from '../factor/damped-factor.js';
import { chooseParams, type RangeOptions } from './group-params.js';

/** Options of {@link gptqWeight}. */
export interface GptqOptions extends RangeOptions {
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

/** Columns (as positions in the factor's order) that are rounded between two products with all earlier errors. */
function blocksOf(
  columns: number,
  blockSize: number,
  groupSize: number,
  wholeGroups: boolean,
): readonly number[] {
  // A group whose scale waits for its turn must be up to date as a whole.
  const size = wholeGroups ? Math.max(1, Math.floor(blockSize / groupSize)) * groupSize : blockSize;
  return Array.from({ length: Math.ceil(columns / size) }, (_, i) => i * size).concat(columns);
}

/** errors [rows, start] · R [start, block]: what the errors so far ask of the columns of a block. */
async function earlierErrors(
  errors: Float32Array,
  rows: number,
  { columns, values }: DampedFactor,
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
    right.set(values.subarray(i * columns + start, i * columns + end), i * width);
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

/**
 * Rounds a weight [rows, columns] column by column, each column also making up for the errors of those before it, so
 * that the squared error of the layer's outputs on the calibration data is small: GPTQ (Frantar et al. 2022).
 *
 * With H + damping = R · Rᵀ (R upper triangular, columns in the order of their turn) the error of a row is
 * ‖(w − ŵ) R‖², and its element j, ((w − ŵ)ⱼ Rⱼⱼ + Σᵢ<ⱼ (w − ŵ)ᵢ Rᵢⱼ)², is the last that depends on column j alone given
 * those before: it is smallest when ŵⱼ is the nearest level to wⱼ + Σᵢ<ⱼ (w − ŵ)ᵢ Rᵢⱼ / Rⱼⱼ. This gives what the
 * paper's updates through the inverse Hessian give, without the inverse.
 */
export async function gptqWeight(
  weight: Float32Array,
  rows: number,
  scheme: AffineScheme,
  factor: DampedFactor,
  options: GptqOptions,
): Promise<QuantizedWeight> {
  const { columns, order, values: r } = factor;
  const { importance, layer } = options;
  const groups = groupsPerRow(scheme, columns);
  const groupSize = columns / groups;
  const perTensor = scheme.granularity.kind === 'tensor';
  // One scale for a row or the whole weight has its turn before the first column, so it is chosen from the original.
  const inTurn = options.order !== 'static' && scheme.granularity.kind === 'group';
  const { min, max } = levelRange(scheme.bits);

  const levels = new Int8Array(rows * columns);
  const count = scaleCount(scheme, rows, columns);
  const early = inTurn ? undefined : chooseParams(weight, rows, columns, scheme, importance, options, layer);
  const scales = early?.scales ?? new Float32Array(count);
  const zeroPoints = early === undefined ? new Int8Array(count) : (early.zeroPoints ?? new Int8Array(count));
  const scaleIndex = (row: number, column: number): number =>
    perTensor ? 0 : row * groups + Math.floor(column / groupSize);

  // (w − ŵ) by row and position.
  const errors = new Float32Array(rows * columns);

  /** Chooses the scales of the group at positions [from, to) from the weights that the errors before it ask for. */
  const chooseInTurn = (wanted: Float32Array, start: number, end: number, from: number, to: number): void => {
    const width = end - start;
    const size = to - from;
    const group = Math.floor(order[from] / groupSize);
    const updated = new Float32Array(rows * size);
    const weights = new Float32Array(size);
    for (let i = 0; i < size; i++) weights[order[from + i] - group * groupSize] = importance[order[from + i]];
    const shift = new Float64Array(size);
    for (let row = 0; row < rows; row++) {
      // The best weights for the columns left solve shift · R[group, group] = what the errors ask for.
      for (let i = 0; i < size; i++) {
        let sum = wanted[row * width + from - start + i];
        for (let k = 0; k < i; k++) sum -= shift[k] * r[(from + k) * columns + from + i];
        shift[i] = sum / r[(from + i) * columns + from + i];
      }
      for (let i = 0; i < size; i++) {
        const column = order[from + i];
        updated[row * size + column - group * groupSize] = weight[row * columns + column] + shift[i];
      }
    }
    const one: AffineScheme = { ...scheme, granularity: { kind: 'channel' } };
    const params = chooseParams(updated, rows, size, one, weights, options, layer);
    for (let row = 0; row < rows; row++) {
      scales[row * groups + group] = params.scales[row];
      if (params.zeroPoints !== undefined) zeroPoints[row * groups + group] = params.zeroPoints[row];
    }
  };

  /** Rounds positions [from, to) of every row; `wanted` holds what errors before `start` and since ask for. */
  const roundColumns = (wanted: Float32Array, start: number, end: number, from: number, to: number): void => {
    const width = end - start;
    for (let row = 0; row < rows; row++) {
      const base = row * width;
      for (let at = from; at < to; at++) {
        const column = order[at];
        const index = row * columns + column;
        const group = scaleIndex(row, column);
        const scale = scales[group];
        const zeroPoint = zeroPoints[group];
        const diagonal = r[at * columns + at];
        const target = weight[index] + wanted[base + at - start] / diagonal;
        const exact = Math.fround(Math.fround(target / scale) + zeroPoint);
        const level = roundHalfEven(Math.min(Math.max(exact, min), max));
        const value = Math.fround((level - zeroPoint) * scale);
        levels[index] = level;
        const error = weight[index] - value;
        errors[row * columns + at] = error;
        const factorRow = at * columns;
        for (let later = at + 1; later < end; later++) {
          wanted[base + later - start] += error * r[factorRow + later];
        }
      }
    }
  };

  const bounds = blocksOf(columns, options.blockSize, groupSize, inTurn);
  for (let block = 0; block + 1 < bounds.length; block++) {
    options.signal.throwIfAborted();
    const [start, end] = [bounds[block], bounds[block + 1]];
    const wanted = await earlierErrors(errors, rows, factor, start, end);
    if (!inTurn) roundColumns(wanted, start, end, start, end);
    else {
      for (let from = start; from < end; from += groupSize) {
        chooseInTurn(wanted, start, end, from, from + groupSize);
        roundColumns(wanted, start, end, from, from + groupSize);
      }
    }
    await nextTask();
  }
  return scheme.symmetric ? { levels, scales } : { levels, scales, zeroPoints };
}
