import { roomForRows } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from './kernel-call.js';

/** The contract `TampAppendRows`. One sequence grows in its own memory; several are copied. */
export function appendRowsKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampAppendRows', backendName, (call) => {
    const { backend } = call;
    const past = call.input('past');
    const [batch = 0, length = 0, width = 0] = past.shape;
    const added = call.input('rows').shape[1] ?? 0;
    const total = length + added;
    const shape = [batch, total, width];
    const rows = call.pointer('rows', 'float32');
    const { heap } = backend.runtime;
    const copy = (from: number, to: number, values: number): void => {
      heap.u8.copyWithin(to, from, from + values * 4);
    };
    const extended = batch === 1 && length > 0 ? backend.extended(past, shape) : undefined;
    if (extended !== undefined) {
      copy(rows, extended.pointer + length * width * 4, added * width);
      return extended.info;
    }
    const before = length > 0 ? call.pointer('past', 'float32') : 0;
    const { info, pointer } = backend.output(
      shape,
      'float32',
      batch === 1 ? roomForRows(total) * width : undefined,
    );
    for (let sample = 0; sample < batch; sample++) {
      const start = pointer + sample * total * width * 4;
      copy(before + sample * length * width * 4, start, length * width);
      copy(rows + sample * added * width * 4, start + length * width * 4, added * width);
    }
    return info;
  });
}
