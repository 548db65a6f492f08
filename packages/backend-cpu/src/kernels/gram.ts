import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';
import { transpose } from './matmul.js';

/** Columns of one unit: many, so that each row of the other matrix serves them all; at most `WIDE_N` of `assembly/`. */
const MOST_COLUMNS = 128;
const FEWEST_COLUMNS = 32;
/** Units have different numbers of rows: several a thread even that out. */
const UNITS_PER_THREAD = 4;

function columnsPerUnit(n: number, threads: number): number {
  let columns = MOST_COLUMNS;
  while (columns > FEWEST_COLUMNS && n < columns * threads * UNITS_PER_THREAD) columns /= 2;
  return columns;
}

/** The contract `TampGram`. */
export function gramKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampGram', backendName, (call) => {
    const [m = 0, n = 0] = call.input('x').shape;
    const { runtime } = call.backend;
    const x = call.pointer('x', 'float32');
    const { info, pointer } = call.output([n, n], 'float32');
    if (m === 0) {
      runtime.heap.f32.fill(0, pointer / 4, pointer / 4 + n * n);
      return [info];
    }
    const transposed = call.temporaries.allocate(m * n * 4);
    transpose(runtime, x, transposed, 1, m, n);
    const columns = columnsPerUnit(n, runtime.pool.threads);
    const words = [x, transposed, pointer, m, n, columns];
    runtime.pool.run(Task.gram, words, Math.ceil(n / columns), (m * n * n) / 2);
    return [info];
  });
}
