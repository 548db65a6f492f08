import * as tf from '@tensorflow/tfjs-core';
import { type TampCpuBackend, tampCpuBackend } from '../backend/tamp-cpu-backend.js';
import { matMul } from './matmul.js';

/** What tfjs hands to a kernel. */
interface Call {
  readonly inputs: tf.NamedTensorInfoMap;
  readonly attrs?: tf.NamedAttrMap | undefined;
  readonly backend: unknown;
}

/** The result of another kernel of the same backend. */
function runOwn(
  backend: TampCpuBackend,
  backendName: string,
  kernelName: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap = {},
): tf.TensorInfo {
  const config = tf.getKernel(kernelName, backendName);
  if (config === undefined) throw new Error(`Kernel ${kernelName} is not registered for ${backendName}.`);
  const result = config.kernelFunc({ inputs, attrs, backend });
  if (Array.isArray(result)) throw new Error(`Kernel ${kernelName} gave several tensors.`);
  return result;
}

function input(inputs: tf.NamedTensorInfoMap, name: string): tf.TensorInfo {
  const info = inputs[name];
  if (info === undefined) throw new Error(`matMul lacks its input ${name}.`);
  return info;
}

/** tfjs kernels by which each activation runs after the product, for those that are not a clamp. */
const activationKernels: Readonly<Record<string, string>> = {
  elu: tf.Elu,
  sigmoid: tf.Sigmoid,
  prelu: tf.Prelu,
  leakyrelu: tf.LeakyRelu,
};

const clamps: Readonly<Record<string, { readonly low: number; readonly high: number }>> = {
  relu: { low: 0, high: Number.POSITIVE_INFINITY },
  relu6: { low: 0, high: 6 },
};

/** tfjs's BatchMatMul and _FusedMatMul on the float32 GEMM. Other types go to tfjs's own kernel. */
export function matMulKernels(backendName: string): tf.KernelConfig[] {
  const original = tf.getKernel(tf.BatchMatMul, 'cpu');
  function batchMatMul({ inputs, attrs, backend: given }: Call): tf.TensorInfo | tf.TensorInfo[] {
    const backend = tampCpuBackend(given);
    const a = input(inputs, 'a');
    const b = input(inputs, 'b');
    if (a.dtype !== 'float32' || b.dtype !== 'float32') {
      return original.kernelFunc({ inputs, backend, ...(attrs === undefined ? {} : { attrs }) });
    }
    return matMul(backend, {
      a,
      b,
      transposeA: attrs?.transposeA === true,
      transposeB: attrs?.transposeB === true,
    });
  }
  function fusedMatMul({ inputs, attrs = {}, backend: given }: Call): tf.TensorInfo {
    const backend = tampCpuBackend(given);
    const { bias, preluActivationWeights } = inputs;
    const activation = typeof attrs.activation === 'string' ? attrs.activation : 'linear';
    const a = input(inputs, 'a');
    const b = input(inputs, 'b');
    const columns = (attrs.transposeB === true ? b.shape.at(-2) : b.shape.at(-1)) ?? 0;
    const biasPerColumn = bias !== undefined && tf.util.sizeFromShape(bias.shape) === columns;
    const fusible = bias === undefined || biasPerColumn;
    let result = matMul(backend, {
      a,
      b,
      transposeA: attrs.transposeA === true,
      transposeB: attrs.transposeB === true,
      bias: biasPerColumn ? bias : undefined,
      ...(fusible ? clamps[activation] : {}),
    });
    const then = (
      kernelName: string,
      more: tf.NamedTensorInfoMap,
      name: string,
      attributes: tf.NamedAttrMap,
    ): void => {
      const next = runOwn(backend, backendName, kernelName, { [name]: result, ...more }, attributes);
      backend.disposeIntermediateTensorInfo(result);
      result = next;
    };
    if (bias !== undefined && !biasPerColumn) then(tf.Add, { b: bias }, 'a', {});
    const kernel = activationKernels[activation];
    if (kernel !== undefined) {
      const alpha = preluActivationWeights === undefined ? {} : { alpha: preluActivationWeights };
      then(kernel, activation === 'prelu' ? alpha : {}, 'x', { alpha: attrs.leakyreluAlpha ?? 0.2 });
    } else if (!fusible && activation === 'relu') then(tf.Relu, {}, 'x', {});
    else if (!fusible && activation === 'relu6') then(tf.Relu6, {}, 'x', {});
    else if (activation !== 'linear' && clamps[activation] === undefined) {
      throw new Error(`Activation ${activation} has not been implemented for ${backendName}.`);
    }
    return result;
  }
  return [
    { kernelName: tf.BatchMatMul, backendName, kernelFunc: batchMatMul },
    { kernelName: tf._FusedMatMul, backendName, kernelFunc: fusedMatMul },
  ];
}
