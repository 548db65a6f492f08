import * as tf from '@tensorflow/tfjs-core';
import { asTensor, type Operator } from './operator.js';

/** max(x, 0). */
export const relu: Operator = {
  name: 'relu',
  arity: [1, 1],
  positionwise: true,
  infer: ([x]) => x,
  run: ([x]) => tf.relu(asTensor(x)),
};
