import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { defineKernel, type KernelCall } from './kernel-call.js';

/** Rows of a weight in its plain layout as float32: `count` rows by the ids at `ids`, or all in order when it is 0. */
function dequantizeRows(call: KernelCall, ids: number, count: number): tf.TensorInfo {
  const columns = call.number('columns');
  const wordsPerRow = call.input('levels').shape[1] ?? 0;
  const levels = call.pointer('levels', 'int32');
  const scales = call.pointer('scales', 'float32');
  const zeroPoints = call.optionalPointer('zeroPoints', 'int32');
  const { info, pointer } = call.output([count, columns], 'float32');
  call.backend.runtime.pool.run(
    Task.dequantizeRows,
    [
      levels,
      wordsPerRow,
      scales,
      zeroPoints,
      ids,
      pointer,
      columns,
      call.number('bits'),
      call.number('groupSize'),
    ],
    count,
    count * columns * 4,
  );
  return info;
}

/** The contract `TampDequantizeWeight`. */
export function dequantizeWeightKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampDequantizeWeight', backendName, (call) =>
    dequantizeRows(call, 0, call.number('rows')),
  );
}

/** The contract `TampGatherRows`. */
export function gatherRowsKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampGatherRows', backendName, (call) => {
    const count = call.input('ids').shape[0] ?? 0;
    const rows = call.number('rows');
    const ids = call.pointer('ids', 'int32');
    for (const id of call.backend.runtime.heap.i32.subarray(ids / 4, ids / 4 + count)) {
      if (id < 0 || id >= rows) {
        throw new TampError(`row ${id} of a table of ${rows} rows was asked for`, { code: 'data' });
      }
    }
    return dequantizeRows(call, ids, count);
  });
}
