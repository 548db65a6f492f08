import * as tf from '@tensorflow/tfjs-core';
import { numberAttribute } from './attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/**
 * Layer normalisation over the last dimension (Ba et al. 2016): (x − mean) / √(variance + epsilon) · weight + bias.
 * Inputs: x [..., width], weight [width], optionally bias [width]. Attribute: epsilon.
 */
export const layerNorm: Operator = {
  name: 'layer_norm',
  arity: [2, 3],
  positionwise: true,
  infer([x, weight, bias], attributes, layer) {
    numberAttribute(attributes, 'epsilon', 'layer_norm', layer);
    const width = x.shape.at(-1);
    for (const [name, type] of [
      ['weight', weight],
      ['bias', bias],
    ] as const) {
      if (type === undefined) continue;
      if (type.shape.length !== 1 || (width !== null && type.shape[0] !== width)) {
        rejectInputs('layer_norm', layer, `the ${name} must have shape [${width}]`);
      }
    }
    return x;
  },
  run([input, weight, bias], attributes) {
    const x = asTensor(input);
    const epsilon = numberAttribute(attributes, 'epsilon', 'layer_norm');
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const scaled = tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), asTensor(weight));
    return bias === undefined ? scaled : tf.add(scaled, asTensor(bias));
  },
};
