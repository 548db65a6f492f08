import * as tf from '@tensorflow/tfjs-core';
import { tampCpuBackend, withTemporaries } from '../backend/tamp-cpu-backend.js';

/**
 * tfjs's GatherV2 of rows, without the copy of the whole table that tfjs's own kernel makes at each call: an embedding
 * reads one row of many thousands. Everything but rows of a float32 table goes to tfjs's own kernel.
 */
export function gatherKernel(backendName: string): tf.KernelConfig {
  const original = tf.getKernel(tf.GatherV2, 'cpu');
  return {
    kernelName: tf.GatherV2,
    backendName,
    kernelFunc({ inputs, attrs = {}, backend: given }) {
      const backend = tampCpuBackend(given);
      const { x, indices } = inputs;
      if (x?.dtype !== 'float32' || indices?.dtype !== 'int32' || attrs.axis !== 0 || attrs.batchDims !== 0) {
        return original.kernelFunc({ inputs, attrs, backend });
      }
      return withTemporaries(backend, (temporaries) => {
        const table = backend.pointer(x, 'float32', temporaries);
        const ids = backend.pointer(indices, 'int32', temporaries);
        const [rows = 0, ...rest] = x.shape;
        const count = tf.util.sizeFromShape(indices.shape);
        const bytes = tf.util.sizeFromShape(rest) * 4;
        const { heap } = backend.runtime;
        const outside = heap.i32.subarray(ids / 4, ids / 4 + count).find((id) => id < 0 || id >= rows);
        tf.util.assert(
          outside === undefined,
          () => `GatherV2: the index value ${outside} is not in [0, ${rows - 1}]`,
        );
        const { info, pointer } = backend.output([...indices.shape, ...rest], 'float32');
        // Views after the last allocation: it may have moved the memory.
        const { i32, u8 } = heap;
        for (let i = 0; i < count; i++) {
          const from = table + (i32[ids / 4 + i] ?? 0) * bytes;
          u8.copyWithin(pointer + i * bytes, from, from + bytes);
        }
        return info;
      });
    },
  };
}
