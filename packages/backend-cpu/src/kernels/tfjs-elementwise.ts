import * as tf from '@tensorflow/tfjs-core';
import { tampCpuBackend, withTemporaries } from '../backend/tamp-cpu-backend.js';
import { Task } from '../wasm/tasks.js';
import { FLAT_BLOCK } from './fused.js';

/** Operations of `assembly/nn/elementwise.ts`. */
const operations: readonly (readonly [string, number])[] = [
  [tf.Add, 0],
  [tf.Sub, 1],
  [tf.Multiply, 2],
];

/**
 * tfjs's Add, Sub and Multiply for float32 arrays of one shape, or of which the second is one number: what
 * residuals and scalings need. Anything else goes to tfjs's own kernel.
 */
export function elementwiseKernels(backendName: string): tf.KernelConfig[] {
  return operations.map(([kernelName, operation]) => {
    const original = tf.getKernel(kernelName, 'cpu');
    return {
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend: given }) => {
        const backend = tampCpuBackend(given);
        const { a, b } = inputs;
        const scalarB = b?.shape.every((extent) => extent === 1) === true;
        const suited =
          a !== undefined &&
          b !== undefined &&
          a.dtype === 'float32' &&
          b.dtype === 'float32' &&
          (tf.util.arraysEqual(a.shape, b.shape) || (scalarB && b.shape.length <= a.shape.length));
        if (!suited)
          return original.kernelFunc({ inputs, backend, ...(attrs === undefined ? {} : { attrs }) });
        return withTemporaries(backend, (temporaries) => {
          const length = tf.util.sizeFromShape(a.shape);
          const x = backend.pointer(a, 'float32', temporaries);
          const y = backend.pointer(b, 'float32', temporaries);
          const { info, pointer } = backend.output(a.shape, 'float32');
          const words = [x, y, pointer, length, operation, scalarB ? 1 : 0];
          backend.runtime.pool.run(Task.binary, words, Math.ceil(length / FLAT_BLOCK), length * 0.5);
          return info;
        });
      },
    };
  });
}
