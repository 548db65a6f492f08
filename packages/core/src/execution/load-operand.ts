import * as tf from '@tensorflow/tfjs-core';
import { readAll } from '../bytes/byte-source.js';
import { dequantizeWeightTensor } from '../kernels/dequantize-weight.js';
import { packWeights } from '../kernels/pack-weights.js';
import { disposeOperand, type WeightLayout } from '../kernels/quantized-operand.js';
import { widenBfloat16 } from '../kernels/widen-bfloat16.js';
import { isTensor, type Operand } from '../operators/operator.js';
import type { Parameter } from '../parameters/parameter.js';
import { readAffine } from '../parameters/read-affine.js';
import { readParameter } from '../parameters/read-parameter.js';

/** Form in which an operator takes a parameter: dense float32, or packed for a kernel. */
export type OperandForm = 'dense' | WeightLayout;

/** Reads a parameter and puts it on the current backend in the given form; the caller disposes of it. */
export async function loadOperand(parameter: Parameter, form: OperandForm): Promise<Operand> {
  const { storage } = parameter;
  if (form !== 'dense' && storage.kind === 'affine') {
    return packWeights(await readAffine({ ...parameter, storage }), form);
  }
  if (storage.kind === 'dense' && storage.dtype === 'bfloat16') {
    return widenBfloat16(await readAll(storage.bytes), parameter.shape);
  }
  return tf.tensor(await readParameter(parameter), [...parameter.shape], 'float32');
}

/** A packed operand of layout `rows` as a dense tensor of the parameter's shape. */
export function densify(operand: Operand, shape: readonly number[]): tf.Tensor {
  if (isTensor(operand)) return operand;
  return tf.reshape(dequantizeWeightTensor(operand), [...shape]);
}

/** Frees an operand's tensors. */
export function releaseOperand(operand: Operand): void {
  if (isTensor(operand)) operand.dispose();
  else disposeOperand(operand);
}
