import * as tf from '@tensorflow/tfjs-core';
import { type TampCpuBackend, withTemporaries } from '../backend/tamp-cpu-backend.js';
import { floatBits, Task } from '../wasm/tasks.js';
import { rowBlocks } from './row-blocks.js';

/** Columns of one unit of work, as in `assembly/gemm/driver-f32.ts`. */
const BLOCK_N = 32;
/** Up to this many rows the right-hand matrix is read where it lies instead of being packed first. */
const FEW_ROWS = 3;
/** Fewest rows for which packing a block of the right-hand matrix again pays. */
const MIN_ROWS_PER_UNIT = 64;

/** A product of two batches of float32 matrices. */
export interface MatMul {
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** One value per column, added after the sum. */
  readonly bias?: tf.TensorInfo | undefined;
  /** Range that the result is clamped to. */
  readonly low?: number;
  readonly high?: number;
}

/** Shapes as tfjs's BatchMatMul reads them: all leading dimensions are one batch, each operand's repeated in turn. */
function dimensions({ a, b, transposeA, transposeB }: MatMul): {
  m: number;
  n: number;
  k: number;
  batchA: number;
  batchB: number;
  shape: number[];
} {
  const [aRows = 0, aColumns = 0] = a.shape.slice(-2);
  const [bRows = 0, bColumns = 0] = b.shape.slice(-2);
  const m = transposeA ? aColumns : aRows;
  const k = transposeA ? aRows : aColumns;
  const n = transposeB ? bRows : bColumns;
  tf.util.assert(
    k === (transposeB ? bColumns : bRows),
    () =>
      `Error in matMul: inner shapes of tensors with shapes ${a.shape} and ${b.shape} and ` +
      `transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return {
    m,
    n,
    k,
    batchA: tf.util.sizeFromShape(a.shape.slice(0, -2)),
    batchB: tf.util.sizeFromShape(b.shape.slice(0, -2)),
    shape: [...outer, m, n],
  };
}

/**
 * out = a · b (+ bias), clamped. Every element is summed over k in ascending order, by one thread.
 */
export function matMul(backend: TampCpuBackend, product: MatMul): tf.TensorInfo {
  const { m, n, k, batchA, batchB, shape } = dimensions(product);
  const { bias, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = product;
  const { pool, heap } = backend.runtime;
  const batch = Math.max(batchA, batchB);
  const output = backend.output(shape, 'float32');
  if (batchA === 0 || batchB === 0 || m * n === 0) return output.info;
  if (k === 0) {
    heap.f32.fill(0, output.pointer / 4, output.pointer / 4 + batch * m * n);
    return output.info;
  }
  return withTemporaries(backend, (temporaries) => {
    let a = backend.pointer(product.a, 'float32', temporaries);
    if (product.transposeA && m > 1 && k > 1) {
      const transposed = temporaries.allocate(batchA * m * k * 4);
      const blocks = Math.ceil(m / 16);
      pool.run(Task.transpose, [a, transposed, k, m], batchA * blocks, batchA * m * k);
      a = transposed;
    }
    const b = backend.pointer(product.b, 'float32', temporaries);
    const biasPointer = bias === undefined ? 0 : backend.pointer(bias, 'float32', temporaries);
    // A batch whose operands repeat in step is one call; otherwise each repetition of the shorter one is.
    const repeat = batchA === batchB || batchA === 1 || batchB === 1 ? 1 : batch / Math.min(batchA, batchB);
    const inCall = batch / repeat;
    for (let r = 0; r < repeat; r++) {
      const start = r * inCall;
      const few = m <= FEW_ROWS;
      const columnBlocks = Math.ceil(n / BLOCK_N);
      const blocks = rowBlocks({
        rows: m,
        unitsPerBlock: inCall * columnBlocks,
        threads: few ? 1 : pool.threads,
        bytesPerRow: k * 4,
        cacheBytes: Number.POSITIVE_INFINITY,
        fewest: MIN_ROWS_PER_UNIT,
      });
      pool.run(
        few ? Task.gemmFewRowsF32 : Task.gemmF32,
        [
          a + (start % batchA) * m * k * 4,
          b + (start % batchB) * n * k * 4,
          output.pointer + start * m * n * 4,
          biasPointer,
          m,
          n,
          k,
          batchA === 1 ? 0 : m * k,
          batchB === 1 ? 0 : n * k,
          product.transposeB ? 1 : 0,
          blocks.rowsPerUnit,
          blocks.rowBlocks,
          floatBits(low),
          floatBits(high),
        ],
        inCall * blocks.rowBlocks * columnBlocks,
        inCall * m * n * k,
      );
    }
    return output.info;
  });
}
