import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { FLAT_BLOCK } from './fused.js';
import { defineKernel } from './kernel-call.js';

/** The contract `TampWidenBfloat16`. */
export function widenBfloat16Kernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampWidenBfloat16', backendName, (call) => {
    const length = call.number('length');
    const bits = call.pointer('bits', 'int32');
    const { info, pointer } = call.output([length], 'float32');
    const units = Math.ceil(length / FLAT_BLOCK);
    call.backend.runtime.pool.run(Task.widenBfloat16, [bits, pointer, length], units, length * 0.5);
    return info;
  });
}
