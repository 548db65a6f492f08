import * as tf from '@tensorflow/tfjs-core';
import { broadcastType } from './elementwise.js';
import { asTensor, type Operator } from './operator.js';

/** Sum of two values, element by element, with broadcasting. */
export const add: Operator = {
  name: 'add',
  arity: [2, 2],
  positionwise: true,
  infer: (inputs, _attributes, layer) => broadcastType('add', inputs, layer),
  run: ([a, b]) => tf.add(asTensor(a), asTensor(b)),
};
