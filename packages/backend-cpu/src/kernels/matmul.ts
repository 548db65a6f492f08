import * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from '../backend/runtime.js';
import { type TampCpuBackend, withTemporaries } from '../backend/tamp-cpu-backend.js';
import { floatBits, Task } from '../wasm/tasks.js';
import { rowBlocks } from './row-blocks.js';

/** Columns of one unit of work, as in `assembly/gemm/driver-f32.ts`. */
const BLOCK_N = 32;
/** Up to this many rows the right-hand matrix is read where it lies instead of being packed first. */
const FEW_ROWS = 3;
/** Rows of one unit of a transpose, as in `assembly/gemm/transpose.ts`. */
const TRANSPOSE_BLOCK = 16;
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

/** The matrix of an operand that each matrix of the result is made from; leading dimensions broadcast. */
function sourceMatrices(outer: readonly number[], own: readonly number[]): readonly number[] {
  return outer.reduce<readonly number[]>(
    (sources, size, i) => {
      const extent = own[i - outer.length + own.length] ?? 1;
      return sources.flatMap((source) =>
        Array.from({ length: size }, (_, at) => source * extent + (extent === 1 ? 0 : at)),
      );
    },
    [0],
  );
}

/** Sizes of a product, and the leading dimensions of its result and of its operands. */
function dimensions({ a, b, transposeA, transposeB }: MatMul): {
  m: number;
  n: number;
  k: number;
  outer: number[];
  outerA: number[];
  outerB: number[];
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
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  return { m, n, k, outer, outerA, outerB };
}

/** A product by address: a [batch, m, k] times b [batch, k, n], or [batch, n, k] when transposed. */
export interface Gemm {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  /** n values, or 0. */
  readonly bias: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  /** Floats between two matrices of a batch; 0 where one serves all. */
  readonly strideA: number;
  readonly strideB: number;
  readonly transposedB: boolean;
  readonly low: number;
  readonly high: number;
}

/** Runs a product on all threads. Every element is summed over k in ascending order, by one thread. */
export function gemm({ pool }: Runtime, g: Gemm): void {
  const few = g.m <= FEW_ROWS;
  const columnBlocks = Math.ceil(g.n / BLOCK_N);
  const blocks = rowBlocks({
    rows: g.m,
    unitsPerBlock: g.batch * columnBlocks,
    threads: few ? 1 : pool.threads,
    bytesPerRow: g.k * 4,
    cacheBytes: Number.POSITIVE_INFINITY,
    fewest: MIN_ROWS_PER_UNIT,
  });
  pool.run(
    few ? Task.gemmFewRowsF32 : Task.gemmF32,
    [
      g.a,
      g.b,
      g.out,
      g.bias,
      g.m,
      g.n,
      g.k,
      g.strideA,
      g.strideB,
      g.transposedB ? 1 : 0,
      blocks.rowsPerUnit,
      blocks.rowBlocks,
      floatBits(g.low),
      floatBits(g.high),
    ],
    g.batch * blocks.rowBlocks * columnBlocks,
    g.batch * g.m * g.n * g.k,
  );
}

/** out [batch, columns, rows] = x [batch, rows, columns] with its last two dimensions exchanged. */
export function transpose(
  { pool }: Runtime,
  x: number,
  out: number,
  batch: number,
  rows: number,
  columns: number,
): void {
  const blocks = Math.ceil(columns / TRANSPOSE_BLOCK);
  pool.run(Task.transpose, [x, out, rows, columns], batch * blocks, batch * rows * columns);
}

/** out = a · b (+ bias), clamped. */
export function matMul(backend: TampCpuBackend, product: MatMul): tf.TensorInfo {
  const { m, n, k, outer, outerA, outerB } = dimensions(product);
  const { bias, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = product;
  const { runtime } = backend;
  const [batch, batchA, batchB] = [outer, outerA, outerB].map((shape) => tf.util.sizeFromShape(shape));
  const output = backend.output([...outer, m, n], 'float32');
  if (batch * m * n === 0) return output.info;
  return withTemporaries(backend, (temporaries) => {
    const biasPointer = bias === undefined ? 0 : backend.pointer(bias, 'float32', temporaries);
    if (k === 0) {
      // A sum of nothing: what is added to it remains.
      const { f32 } = runtime.heap;
      for (let i = 0; i < batch * m * n; i++) {
        const sum = biasPointer === 0 ? 0 : (f32[biasPointer / 4 + (i % n)] ?? 0);
        f32[output.pointer / 4 + i] = Math.min(Math.max(sum, low), high);
      }
      return output.info;
    }
    let a = backend.pointer(product.a, 'float32', temporaries);
    if (product.transposeA && m > 1 && k > 1) {
      const transposed = temporaries.allocate(batchA * m * k * 4);
      transpose(runtime, a, transposed, batchA, k, m);
      a = transposed;
    }
    const b = backend.pointer(product.b, 'float32', temporaries);
    const run = (firstA: number, firstB: number, first: number, count: number): void =>
      gemm(runtime, {
        a: a + firstA * m * k * 4,
        b: b + firstB * n * k * 4,
        out: output.pointer + first * m * n * 4,
        bias: biasPointer,
        m,
        n,
        k,
        batch: count,
        strideA: batchA === 1 ? 0 : m * k,
        strideB: batchB === 1 ? 0 : n * k,
        transposedB: product.transposeB,
        low,
        high,
      });
    const inStep = (own: number): boolean => own === batch || own === 1;
    if (inStep(batchA) && inStep(batchB)) {
      run(0, 0, 0, batch);
    } else {
      const sourcesB = sourceMatrices(outer, outerB);
      sourceMatrices(outer, outerA).forEach((source, i) => {
        run(source, sourcesB[i] ?? 0, i, 1);
      });
    }
    return output.info;
  });
}
