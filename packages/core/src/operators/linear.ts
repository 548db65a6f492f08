import * as tf from '@tensorflow/tfjs-core';
import { groupwiseLinear } from '../kernels/groupwise-linear.js';
import { linearType } from './linear-type.js';
import { asTensor, isTensor, type Operator } from './operator.js';

/**
 * x [..., columns] · weightᵀ + bias, with the weight stored [rows, columns] (output channels first). A quantized
 * weight stays packed; attribute `activation: 'int8-block'` then also quantizes x in blocks at run time.
 */
export const linear: Operator = {
  name: 'linear',
  arity: [2, 3],
  positionwise: true,
  quantizedInputs: { 1: 'groupwise' },
  infer: (inputs, _attributes, layer) => linearType('linear', inputs, layer),
  run([input, weight, biasOperand], attributes) {
    const x = asTensor(input);
    const bias = biasOperand === undefined ? undefined : asTensor(biasOperand);
    if (!isTensor(weight)) {
      return groupwiseLinear(
        x,
        weight,
        bias,
        attributes.activation === 'int8-block' ? 'int8-block' : 'float',
      );
    }
    const matrix = weight as tf.Tensor2D;
    const [rows, columns] = matrix.shape;
    const flat = tf.reshape(x, [-1, columns]) as tf.Tensor2D;
    const product = tf.matMul(flat, matrix, false, true);
    const sum = bias === undefined ? product : tf.add(product, bias);
    return tf.reshape(sum, [...x.shape.slice(0, -1), rows]);
  },
};
