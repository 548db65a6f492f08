import * as tf from '@tensorflow/tfjs-core';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/** The last position of a sequence: [batch, sequence, width] → [batch, 1, width]. */
export const lastPosition: Operator = {
  name: 'last_position',
  arity: [1, 1],
  infer([x], _attributes, layer) {
    if (x.shape.length !== 3)
      rejectInputs('last_position', layer, 'the input must be [batch, sequence, width]');
    return { dtype: x.dtype, shape: [x.shape[0], 1, x.shape[2]] };
  },
  run([operand]) {
    const x = asTensor(operand);
    const [batch, sequence, width] = x.shape;
    return sequence === 1 ? x : tf.slice(x, [0, sequence - 1, 0], [batch, 1, width]);
  },
};
