import * as tf from '@tensorflow/tfjs-core';
import { tampCpuBackend } from '../backend/tamp-cpu-backend.js';
import { matMul } from './matmul.js';
import { fusedEpilogue } from './tfjs-activation.js';

function operands(inputs: tf.NamedTensorInfoMap): { a: tf.TensorInfo; b: tf.TensorInfo } {
  const { a, b } = inputs;
  if (a === undefined || b === undefined) throw new Error('matMul lacks an input.');
  return { a, b };
}

/** tfjs's BatchMatMul and _FusedMatMul on the float32 GEMM. Other types go to tfjs's own kernel. */
export function matMulKernels(backendName: string): tf.KernelConfig[] {
  const original = tf.getKernel(tf.BatchMatMul, 'cpu');
  const originalFused = tf.getKernel(tf._FusedMatMul, 'cpu');
  return [
    {
      kernelName: tf.BatchMatMul,
      backendName,
      kernelFunc({ inputs, attrs = {}, backend: given }) {
        const backend = tampCpuBackend(given);
        const { a, b } = operands(inputs);
        if (a.dtype !== 'float32' || b.dtype !== 'float32')
          return original.kernelFunc({ inputs, attrs, backend });
        return matMul(backend, {
          a,
          b,
          transposeA: attrs.transposeA === true,
          transposeB: attrs.transposeB === true,
        });
      },
    },
    {
      kernelName: tf._FusedMatMul,
      backendName,
      kernelFunc({ inputs, attrs = {}, backend: given }) {
        const backend = tampCpuBackend(given);
        const { a, b } = operands(inputs);
        if (a.dtype !== 'float32' || b.dtype !== 'float32')
          return originalFused.kernelFunc({ inputs, attrs, backend });
        const transposeB = attrs.transposeB === true;
        const columns = b.shape.at(transposeB ? -2 : -1) ?? 0;
        const { columnBias, clamp, rest } = fusedEpilogue(backend, backendName, columns, inputs, attrs);
        const transposeA = attrs.transposeA === true;
        return rest(matMul(backend, { a, b, transposeA, transposeB, bias: columnBias, ...clamp }));
      },
    },
  ];
}
