import * as tf from '@tensorflow/tfjs-core';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/** All dimensions but the first as one: [batch, a, b, …] → [batch, a·b·…], row-major. */
export const flatten: Operator = {
  name: 'flatten',
  arity: [1, 1],
  infer([x], _attributes, layer) {
    if (x.shape.length < 2) rejectInputs('flatten', layer, 'the input must have a batch dimension');
    const [batch, ...rest] = x.shape;
    const width = rest.reduce<number | null>(
      (product, size) => (product === null || size === null ? null : product * size),
      1,
    );
    return { dtype: x.dtype, shape: [batch, width] };
  },
  run([operand]) {
    const x = asTensor(operand);
    const [batch, ...rest] = x.shape;
    return tf.reshape(x, [batch, rest.reduce((product, size) => product * size, 1)]);
  },
};
