import * as tf from '@tensorflow/tfjs-core';
import { fusedKernel } from '../kernels/fused.js';
import { numberAttribute } from './attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/**
 * Root-mean-square normalisation over the last dimension (Zhang and Sennrich 2019): x / √(mean(x²) + epsilon) ·
 * weight. Inputs: x [..., width], weight [width]. Attribute: epsilon.
 */
export const rmsNorm: Operator = {
  name: 'rms_norm',
  arity: [2, 2],
  positionwise: true,
  infer([x, weight], attributes, layer) {
    numberAttribute(attributes, 'epsilon', 'rms_norm', layer);
    const width = x.shape.at(-1);
    if (weight.shape.length !== 1 || (width !== null && weight.shape[0] !== width)) {
      rejectInputs('rms_norm', layer, `the weight must have shape [${width}]`);
    }
    return x;
  },
  run([input, weightOperand], attributes) {
    const x = asTensor(input);
    const weight = asTensor(weightOperand);
    const epsilon = numberAttribute(attributes, 'epsilon', 'rms_norm');
    const fused = fusedKernel('TampRmsNorm', { x, weight }, { epsilon });
    if (fused !== undefined) return fused;
    const meanSquare = tf.mean(tf.square(x), -1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))), weight);
  },
};
