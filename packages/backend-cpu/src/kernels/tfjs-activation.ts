import * as tf from '@tensorflow/tfjs-core';
import type { TampCpuBackend } from '../backend/tamp-cpu-backend.js';

/** Range that an activation clamps to, for those that do nothing else. */
export interface Clamp {
  readonly low: number;
  readonly high: number;
}

const unclamped: Clamp = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

const clamps: Readonly<Record<string, Clamp>> = {
  linear: unclamped,
  relu: { low: 0, high: Number.POSITIVE_INFINITY },
  relu6: { low: 0, high: 6 },
};

/** tfjs kernels of the activations that are no clamp. */
const kernels: Readonly<Record<string, string>> = {
  elu: tf.Elu,
  sigmoid: tf.Sigmoid,
  prelu: tf.Prelu,
  leakyrelu: tf.LeakyRelu,
};

/** What follows a fused product: a bias per column and an activation. */
export interface Epilogue {
  /** The bias when it is one value per column, to be added by the product itself. */
  readonly columnBias: tf.TensorInfo | undefined;
  /** What the product clamps to. */
  readonly clamp: Clamp;
  /** Adds what the product cannot do itself, and frees the tensor it is given when it makes another. */
  readonly rest: (product: tf.TensorInfo) => tf.TensorInfo;
}

/** The result of another kernel of the same backend. */
function run(
  backend: TampCpuBackend,
  backendName: string,
  kernelName: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap,
): tf.TensorInfo {
  const config = tf.getKernel(kernelName, backendName);
  if (config === undefined) throw new Error(`Kernel ${kernelName} is not registered for ${backendName}.`);
  const result = config.kernelFunc({ inputs, attrs, backend });
  if (Array.isArray(result)) throw new Error(`Kernel ${kernelName} gave several tensors.`);
  return result;
}

/** Splits the end of tfjs's fused kernels into what the product does and what other kernels do after it. */
export function fusedEpilogue(
  backend: TampCpuBackend,
  backendName: string,
  columns: number,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap,
): Epilogue {
  const { bias, preluActivationWeights } = inputs;
  const activation = typeof attrs.activation === 'string' ? attrs.activation : 'linear';
  const clamp = clamps[activation];
  const kernel = kernels[activation];
  if (clamp === undefined && kernel === undefined) {
    throw new Error(`Activation ${activation} has not been implemented for ${backendName}.`);
  }
  // As many values may also lie along another dimension, one per row.
  const perColumn =
    bias !== undefined && bias.shape.at(-1) === columns && tf.util.sizeFromShape(bias.shape) === columns;
  const addLater = bias !== undefined && !perColumn;
  const clampLater = addLater && clamp !== undefined && activation !== 'linear';
  return {
    columnBias: perColumn ? bias : undefined,
    clamp: clamp === undefined || clampLater ? unclamped : clamp,
    rest(product) {
      let result = product;
      const then = (kernelName: string, made: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap): void => {
        const next = run(backend, backendName, kernelName, made, attributes);
        backend.disposeIntermediateTensorInfo(result);
        result = next;
      };
      if (addLater) then(tf.Add, { a: result, b: bias }, {});
      if (clampLater) then(activation === 'relu' ? tf.Relu : tf.Relu6, { x: result }, {});
      if (kernel !== undefined) {
        const more = activation === 'prelu' ? { alpha: preluActivationWeights } : {};
        then(kernel, { x: result, ...more }, { alpha: attrs.leakyreluAlpha ?? 0.2 });
      }
      return result;
    },
  };
}
