import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';
import { transpose } from './matmul.js';

/** Columns of one unit, as in `assembly/linear-algebra/gram.ts`. */
const BLOCK_COLUMNS = 32;

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
    const units = Math.ceil(n / BLOCK_COLUMNS);
    runtime.pool.run(Task.gram, [x, transposed, pointer, m, n], units, (m * n * n) / 2);
    return [info];
  });
}
