import * as tf from '@tensorflow/tfjs-core';
import { fusedKernel } from '../kernels/fused.js';
import { broadcastType } from './elementwise.js';
import { asTensor, type Operator } from './operator.js';

/** Gated unit of Llama's feed-forward (Shazeer 2020): gate · sigmoid(gate) · up. Inputs: gate, up, of one shape. */
export const swiglu: Operator = {
  name: 'swiglu',
  arity: [2, 2],
  positionwise: true,
  infer: (inputs, _attributes, layer) => broadcastType('swiglu', inputs, layer),
  run([gateOperand, upOperand]) {
    const gate = asTensor(gateOperand);
    const up = asTensor(upOperand);
    return fusedKernel('TampSwiGlu', { gate, up }, {}) ?? tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
  },
};
