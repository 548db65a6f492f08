import * as tf from '@tensorflow/tfjs-core';
import { zeroPointAttribute } from './level-attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/** max(x, 0) on levels (int32): no level below that of zero. Attribute: `zeroPoint`. */
export const quantizedRelu: Operator = {
  name: 'quantized_relu',
  arity: [1, 1],
  positionwise: true,
  infer([x], attributes, layer) {
    zeroPointAttribute(attributes, 'zeroPoint', 'quantized_relu', layer);
    if (x.dtype !== 'int32') rejectInputs('quantized_relu', layer, 'the input must be levels (int32)');
    return x;
  },
  run: ([x], attributes) =>
    tf.maximum(
      asTensor(x),
      tf.scalar(zeroPointAttribute(attributes, 'zeroPoint', 'quantized_relu'), 'int32'),
    ),
};
