import * as tf from '@tensorflow/tfjs-core';
import { broadcastType } from './elementwise.js';
import { asTensor, type Operator } from './operator.js';

/** Product of two values, element by element, with broadcasting. */
export const mul: Operator = {
  name: 'mul',
  arity: [2, 2],
  positionwise: true,
  infer: (inputs, _attributes, layer) => broadcastType('mul', inputs, layer),
  run: ([a, b]) => tf.mul(asTensor(a), asTensor(b)),
};
