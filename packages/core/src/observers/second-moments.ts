import * as tf from '@tensorflow/tfjs-core';
import { TampError } from '../errors/tamp-error.js';

/**
 * Second moments of a layer's inputs: XᵀX / rows. This is also the Hessian of the layer's squared output error, up to a
 * factor of 2.
 */
export interface SecondMoments {
  /** Width of the input. */
  readonly columns: number;
  /** [columns, columns], row-major, symmetric. */
  readonly values: Float32Array;
  /** Input rows (tokens) seen. */
  readonly rows: number;
}

/** Gathers {@link SecondMoments} while data flows. Holds no tensors between calls. */
export interface SecondMomentsObserver {
  readonly columns: number;
  /** Adds rows of the layer's input, row-major; rejects with a `TampError` (`data`) for NaN and infinities. */
  add(rows: Float32Array): Promise<void>;
  /** The moments of all rows added so far; nothing can be added afterwards. */
  finish(): Promise<SecondMoments>;
}

/** Rows are gathered up to this many numbers before they are multiplied. */
const bufferedNumbers = 8 * 2 ** 20;
const mostBufferedRows = 4096;
/** Columns of one product; those to the left of its diagonal are not computed. */
const stripColumns = 512;
const tile = 64;

/** Columns [start, columns) of a matrix, as one of its own. */
function columnsFrom(x: Float32Array, rows: number, columns: number, start: number): Float32Array {
  if (start === 0) return x;
  const width = columns - start;
  const part = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    part.set(x.subarray(row * columns + start, (row + 1) * columns), row * width);
  }
  return part;
}

/** Adds XᵀX of `rows` rows to the upper triangle of `sums`. */
async function addProducts(
  sums: Float32Array,
  x: Float32Array,
  rows: number,
  columns: number,
): Promise<void> {
  for (let start = 0; start < columns; start += stripColumns) {
    const height = Math.min(stripColumns, columns - start);
    const width = columns - start;
    // Cut here and not by tfjs, whose general slice takes longer than the product.
    const right = columnsFrom(x, rows, columns, start);
    const left = new Float32Array(rows * height);
    for (let row = 0; row < rows; row++) {
      left.set(right.subarray(row * width, row * width + height), row * height);
    }
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d(left, [rows, height]), tf.tensor2d(right, [rows, width]), true, false),
    );
    const values = await product.data();
    for (let i = 0; i < height; i++) {
      const to = (start + i) * columns + start;
      const from = i * width;
      for (let j = i; j < width; j++) sums[to + j] += values[from + j];
    }
    product.dispose();
  }
}

/** Divides the upper triangle by `rows` and copies it to the lower one, in tiles that stay in the cache. */
function complete(sums: Float32Array, columns: number, rows: number): void {
  for (let top = 0; top < columns; top += tile) {
    for (let left = top; left < columns; left += tile) {
      const [bottom, right] = [Math.min(columns, top + tile), Math.min(columns, left + tile)];
      for (let i = top; i < bottom; i++) {
        for (let j = Math.max(i, left); j < right; j++) {
          const value = sums[i * columns + j] / rows;
          sums[i * columns + j] = value;
          sums[j * columns + i] = value;
        }
      }
    }
  }
}

/** Rows that are gathered before they are multiplied. */
function bufferedRows(columns: number): number {
  return Math.max(1, Math.min(mostBufferedRows, Math.floor(bufferedNumbers / columns)));
}

/** Bytes that an observer of inputs `columns` wide holds. */
export function secondMomentsBytes(columns: number): number {
  return 4 * columns * (columns + bufferedRows(columns));
}

/** Observes inputs `columns` wide; `layer` names the layer in errors. */
export function secondMomentsObserver(columns: number, layer: string): SecondMomentsObserver {
  const sums = new Float32Array(columns * columns);
  const capacity = bufferedRows(columns);
  let buffer = new Float32Array(0);
  let buffered = 0;
  let total = 0;

  const flush = async (): Promise<void> => {
    if (buffered === 0) return;
    await addProducts(sums, buffer.subarray(0, buffered * columns), buffered, columns);
    buffered = 0;
  };

  return {
    columns,
    async add(rows) {
      let poison = 0;
      for (let i = 0; i < rows.length; i++) poison += rows[i] - rows[i];
      if (poison !== 0) {
        throw new TampError('its input holds NaN or infinity on the calibration data', {
          code: 'data',
          at: { layer },
          remedy: 'Check the calibration data, and the weights of the layers before it.',
        });
      }
      if (buffer.length === 0) buffer = new Float32Array(capacity * columns);
      for (let from = 0; from < rows.length; ) {
        const count = Math.min(capacity - buffered, (rows.length - from) / columns);
        buffer.set(rows.subarray(from, from + count * columns), buffered * columns);
        buffered += count;
        from += count * columns;
        if (buffered === capacity) await flush();
      }
      total += rows.length / columns;
    },
    async finish() {
      await flush();
      buffer = new Float32Array(0);
      complete(sums, columns, Math.max(1, total));
      return { columns, values: sums, rows: total };
    },
  };
}
