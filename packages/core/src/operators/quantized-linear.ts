import * as tf from '@tensorflow/tfjs-core';
import { levelsLinear } from '../kernels/requantize.js';
import { requantization, zeroPointAttribute } from './level-attributes.js';
import { linearType } from './linear-type.js';
import { asTensor, type Operator } from './operator.js';
import { checkRequantized, quantizedWeight } from './quantized-weight.js';

/**
 * A linear layer from levels to levels (int32), without a float value between. Inputs: x [..., columns], weight int8
 * [rows, columns], multiplier [rows], offset [rows] (see `levelsLinear`). Attributes: `inputZeroPoint`, `zeroPoint` of
 * the output, `relu` when one is fused.
 */
export const quantizedLinear: Operator = {
  name: 'quantized_linear',
  arity: [4, 4],
  positionwise: true,
  quantizedInputs: { 1: 'int8' },
  infer(inputs, attributes, layer) {
    zeroPointAttribute(attributes, 'inputZeroPoint', 'quantized_linear', layer);
    requantization(attributes, 'quantized_linear', layer);
    checkRequantized('quantized_linear', inputs, layer);
    const { shape } = linearType('quantized_linear', inputs.slice(0, 2), layer);
    return { dtype: 'int32', shape };
  },
  run([input, weightOperand, multiplier, offset], attributes) {
    const x = asTensor(input);
    const weight = quantizedWeight(weightOperand, 'quantized_linear');
    const levels = levelsLinear(
      tf.reshape(x, [-1, weight.columns]),
      weight,
      { multiplier: asTensor(multiplier), offset: asTensor(offset) },
      zeroPointAttribute(attributes, 'inputZeroPoint', 'quantized_linear'),
      requantization(attributes, 'quantized_linear'),
    );
    return tf.cast(tf.reshape(levels, [...x.shape.slice(0, -1), weight.rows]), 'int32');
  },
};
