import type * as tf from '@tensorflow/tfjs-core';
import { floatBits, Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';

/** Columns of one step. */
const STEP_COLUMNS = 128;
/** Rows and columns of one unit, as in `assembly/linear-algebra/upper-factor.ts`. */
const SOLVE_ROWS = 64;
const BLOCK_COLUMNS = 32;

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
    const negated = call.temporaries.allocate(n * widest * 4);
    const words = (start: number, end: number): readonly number[] => [
      factor.pointer,
      n,
      start,
      end,
      block,
      inverse,
      panel,
      negated,
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
      pool.run(Task.factorDiagonal, step, 1, width ** 3 / 3);
      if (heap.i32[definite.pointer / 4] === 0) break;
      if (start > 0) {
        pool.run(Task.solveAbove, step, Math.ceil(start / SOLVE_ROWS), start * width * width);
        pool.run(Task.updateAbove, step, Math.ceil(start / BLOCK_COLUMNS), (start * start * width) / 2);
      }
      end = start;
    }
    return [factor.info, definite.info];
  });
}
