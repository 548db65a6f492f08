import type * as tf from '@tensorflow/tfjs-core';
import { floatBits, Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';

/** Rows of one unit: many, so that a block of the factor serves them all once it is packed. */
const MOST_ROWS = 128;
const FEWEST_ROWS = 16;
/** Columns that get what earlier errors ask of them together, as in `assembly/gptq/round-columns.ts`, and figures per row. */
const BLOCK_COLUMNS = 128;
const FIGURES = 3;

/** Rows of one unit, in whole vectors of four, so that every thread gets some. */
function rowsPerUnit(rows: number, threads: number): number {
  const share = Math.ceil(rows / (2 * threads) / 4) * 4;
  return Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, share));
}

/** The contract `TampRoundColumns`. */
export function roundColumnsKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampRoundColumns', backendName, (call) => {
    const [rows = 0, n = 0] = call.input('weight').shape;
    const [scaleRows = 0, groups = 0] = call.input('scales').shape;
    const { heap, pool } = call.backend.runtime;
    const bits = call.number('bits');
    const groupSize = call.number('groupSize');
    const weight = call.pointer('weight', 'float32');
    const factor = call.pointer('factor', 'float32');
    const order = call.pointer('order', 'int32');
    const damping = call.pointer('damping', 'float32');
    const scales = call.pointer('scales', 'float32');
    const zeroPoints = call.optionalPointer('zeroPoints', 'int32');
    const levels = call.output([Math.ceil((rows * n) / 4)], 'int32');
    const figures = call.output([rows, FIGURES], 'float32');
    const groupAt = call.temporaries.allocate(n * 4);
    const errors = call.temporaries.allocate(rows * n * 4);
    const wanted = call.temporaries.allocate(rows * BLOCK_COLUMNS * 4);
    const { i32 } = heap;
    for (let at = 0; at < n; at++) {
      i32[groupAt / 4 + at] = groups === 1 ? 0 : Math.floor((i32[order / 4 + at] ?? 0) / groupSize);
    }
    const step = rowsPerUnit(rows, pool.threads);
    pool.run(
      Task.roundColumns,
      [
        weight,
        factor,
        order,
        groupAt,
        scales,
        zeroPoints,
        damping,
        levels.pointer,
        figures.pointer,
        errors,
        wanted,
        rows,
        n,
        scaleRows === 1 && rows !== 1 ? 0 : groups,
        step,
        floatBits(-(2 ** (bits - 1))),
        floatBits(2 ** (bits - 1) - 1),
      ],
      Math.ceil(rows / step),
      (rows * n * n) / 2,
    );
    return [levels.info, figures.info];
  });
}
