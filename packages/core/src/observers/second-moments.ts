import { TampError } from '../errors/tamp-error.js';
import { gram } from '../kernels/gram.js';

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
  let sums: Float32Array | undefined;
  const capacity = bufferedRows(columns);
  let buffer = new Float32Array(0);
  let buffered = 0;
  let total = 0;

  const flush = async (): Promise<void> => {
    if (buffered === 0) return;
    const product = await gram(buffer.subarray(0, buffered * columns), buffered, columns);
    buffered = 0;
    if (sums === undefined) sums = product;
    else for (let i = 0; i < product.length; i++) sums[i] += product[i];
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
      const values = sums ?? new Float32Array(columns * columns);
      sums = undefined;
      const rows = Math.max(1, total);
      for (let i = 0; i < values.length; i++) values[i] /= rows;
      return { columns, values, rows: total };
    },
  };
}
