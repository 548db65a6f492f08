import type * as tf from '@tensorflow/tfjs-core';
import { floatBits, Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';

/** Columns of one step. */
const STEP_COLUMNS = 128;
/** Rows of one unit, and columns of one, as in `assembly/linear-algebra/upper-factor.ts`. */
const SOLVE_ROWS = 64;
const PACKED_COLUMNS = 512;
/** Columns of one panel. */
const PANEL = 8;
/** Rows of one unit of a product. */
const MOST_ROWS = 256;
const FEWEST_ROWS = 32;

/** Rows of one unit, in whole tiles of four, so that every thread gets some. */
function rowsPerUnit(rows: number, threads: number): number {
  const share = Math.ceil(rows / (4 * threads) / 4) * 4;
  return Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, share));
}

/** The contract `TampUpperFactor`. */
export function upperFactorKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampUpperFactor', backendName, (call) => {
    const [n = 0] = call.input('order').shape;
    const { heap, pool } = call.backend.runtime;
    const source = call.pointer('matrix', 'float32');
    const order = call.pointer('order', 'int32');
    const factor = call.output([n, n], 'float32');
    const definite = call.output([1], 'int32');
    heap.i32[definite.pointer / 4] = 1;
    const widest = Math.min(STEP_COLUMNS, n);
    const block = call.temporaries.allocate(widest * widest * 8);
    const inverse = call.temporaries.allocate(widest * widest * 4);
    const panel = call.temporaries.allocate(n * widest * 4);
    const packed = call.temporaries.allocate(n * Math.ceil(widest / PANEL) * PANEL * 4);
    const words = (start: number, end: number): readonly number[] => [
      factor.pointer,
      n,
      start,
      end,
      block,
      inverse,
      panel,
      packed,
      rowsPerUnit(end, pool.threads),
      definite.pointer,
      source,
      order,
      floatBits(call.number('added')),
    ];
    pool.run(Task.permuteUpper, words(0, n), n, n * n);
    for (let end = n; end > 0; ) {
      const start = Math.max(0, end - STEP_COLUMNS);
      const width = end - start;
      const step = words(start, end);
      const later = n - end;
      if (later > 0) {
        pool.run(Task.packLater, step, Math.ceil(later / PACKED_COLUMNS), later * width);
        const units = Math.ceil(end / rowsPerUnit(end, pool.threads));
        pool.run(Task.updateBlock, step, units, end * width * later);
      }
      pool.run(Task.factorDiagonal, step, 1, width ** 3 / 3);
      if (heap.i32[definite.pointer / 4] === 0) break;
      if (start > 0) pool.run(Task.solveAbove, step, Math.ceil(start / SOLVE_ROWS), start * width * width);
      end = start;
    }
    return [factor.info, definite.info];
  });
}
