import * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';

/** tfjs's Softmax over the last dimension. */
export function softmaxKernel(backendName: string): tf.KernelConfig {
  return defineKernel(tf.Softmax, backendName, (call) => {
    const { shape } = call.input('logits');
    const width = shape.at(-1) ?? 1;
    const length = tf.util.sizeFromShape(shape);
    const x = call.pointer('logits', 'float32');
    const { info, pointer } = call.output(shape, 'float32');
    if (length > 0)
      call.backend.runtime.pool.run(Task.softmaxRows, [x, pointer, width], length / width, length * 8);
    return info;
  });
}
