import * as tf from '@tensorflow/tfjs-core';
import { TampError } from '../errors/tamp-error.js';
import { gram } from '../kernels/gram.js';

/**
 * Second moments of a layer's inputs: XᵀX / rows. This is also the Hessian of the layer's squared output error, up to a
 * factor of 2.
 */
export interface SecondMoments {
  /** Width of the input. */
  readonly columns: number;
  /** float32 [columns, columns], symmetric. */
  readonly values: tf.Tensor;
  /** The diagonal of {@link values}: the mean square of each column. */
  readonly diagonal: Float32Array;
  /** Input rows (tokens) seen. */
  readonly rows: number;
  /** Frees the tensor. */
  dispose(): void;
}

/** Gathers {@link SecondMoments} while data flows. Holds no tensors between calls. */
export interface SecondMomentsObserver {
  readonly columns: number;
  /** Adds rows of the layer's input, row-major; rejects with a `TampError` (`data`) for NaN and infinities. */
  add(rows: Float32Array): Promise<void>;
  /** The moments of all rows added so far, the caller's to dispose of; nothing can be added afterwards. */
  finish(): Promise<SecondMoments>;
}

/** Rows are gathered up to this many numbers before they are multiplied. */
const bufferedNumbers = 8 * 2 ** 20;
const mostBufferedRows = 4096;
/** Rows that are gathered before they are multiplied. */
function bufferedRows(columns: number): number {
  return Math.max(1, Math.min(mostBufferedRows, Math.floor(bufferedNumbers / columns)));
}

/** Bytes that an observer of inputs `columns` wide holds. */
export function secondMomentsBytes(columns: number): number {
  return 4 * columns * (columns + bufferedRows(columns));
}

async function diagonalOf(matrix: tf.Tensor, columns: number): Promise<Float32Array> {
  const places = Int32Array.from({ length: columns }, (_, i) => i * (columns + 1));
  const diagonal = tf.tidy(() => tf.gather(tf.reshape(matrix, [-1]), tf.tensor1d(places, 'int32')));
  try {
    return (await diagonal.data<'float32'>()).slice();
  } finally {
    diagonal.dispose();
  }
}

/** Observes inputs `columns` wide; `layer` names the layer in errors. */
export function secondMomentsObserver(columns: number, layer: string): SecondMomentsObserver {
  let sums: Float32Array | undefined;
  const capacity = bufferedRows(columns);
  let buffer = new Float32Array(0);
  let buffered = 0;
  let total = 0;

  /** The products of what is in the buffer, which is then empty. */
  const multiply = (): Promise<tf.Tensor> => {
    const count = buffered;
    buffered = 0;
    return gram(buffer.subarray(0, count * columns), count, columns);
  };

  const flush = async (): Promise<void> => {
    const product = await multiply();
    try {
      const values = await product.data<'float32'>();
      // A backend may give a view of memory that it uses again.
      if (sums === undefined) sums = values.slice();
      else for (let i = 0; i < values.length; i++) sums[i] += values[i];
    } finally {
      product.dispose();
    }
  };

  /** (earlier + latest) / rows. */
  const mean = (earlier: Float32Array | undefined, latest: tf.Tensor): tf.Tensor =>
    tf.tidy(() => {
      const all = earlier === undefined ? latest : tf.add(tf.tensor(earlier, latest.shape), latest);
      return tf.mul(all, 1 / Math.max(1, total));
    });

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
        // Not before more comes: what is multiplied last stays on the backend.
        if (buffered === capacity) await flush();
        const count = Math.min(capacity - buffered, (rows.length - from) / columns);
        buffer.set(rows.subarray(from, from + count * columns), buffered * columns);
        buffered += count;
        from += count * columns;
      }
      total += rows.length / columns;
    },
    async finish() {
      const latest = await multiply();
      buffer = new Float32Array(0);
      const earlier = sums;
      sums = undefined;
      const values = mean(earlier, latest);
      latest.dispose();
      const dispose = (): void => values.dispose();
      try {
        return { columns, values, diagonal: await diagonalOf(values, columns), rows: total, dispose };
      } catch (error) {
        dispose();
        throw error;
      }
    },
  };
}
