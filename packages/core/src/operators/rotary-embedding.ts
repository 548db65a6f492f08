import * as tf from '@tensorflow/tfjs-core';
import { fusedKernel } from '../kernels/fused.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';
import { rotationAttributes, rotations } from './rotary-table.js';

/**
 * Rotary position embedding (Su et al. 2021) as Llama applies it: each head's first half is rotated against its
 * second half. Input x [batch, sequence, heads · headSize]; the positions begin at 0, unless tables of cosines and
 * sines [1, sequence, 1, headSize] follow (see `rotary_table`). Attributes: `frequencies` (headSize / 2 inverse
 * frequencies, any scaling already in them) and `attentionScale` (factor on cos and sin; 1 but for yarn).
 */
export const rotaryEmbedding: Operator = {
  name: 'rotary_embedding',
  arity: [1, 3],
  infer([x, ...tables], attributes, layer) {
    const headSize = 2 * rotationAttributes(attributes, 'rotary_embedding', layer).frequencies.length;
    const width = x.shape.at(-1);
    if (x.shape.length !== 3) rejectInputs('rotary_embedding', layer, 'x must be [batch, sequence, width]');
    if (headSize === 0 || (typeof width === 'number' && width % headSize !== 0)) {
      rejectInputs('rotary_embedding', layer, `width ${width} is no multiple of the head size ${headSize}`);
    }
    if (tables.length === 1) rejectInputs('rotary_embedding', layer, 'cosines come with sines');
    for (const { shape } of tables) {
      if (shape.length !== 4 || shape[3] !== headSize) {
        rejectInputs('rotary_embedding', layer, `the tables must be [1, sequence, 1, ${headSize}]`);
      }
    }
    return x;
  },
  run([input, cosOperand, sinOperand], attributes) {
    const x = asTensor(input);
    const rotation = rotationAttributes(attributes, 'rotary_embedding');
    const [batch, sequence, width] = x.shape;
    const headSize = 2 * rotation.frequencies.length;
    const tableOf = (part: 'cos' | 'sin'): tf.Tensor =>
      tf.tensor(rotations(sequence, 0, rotation)[part], [1, sequence, 1, headSize]);
    const cos = cosOperand === undefined ? tableOf('cos') : asTensor(cosOperand);
    const sin = sinOperand === undefined ? tableOf('sin') : asTensor(sinOperand);
    const fused = fusedKernel('TampRotaryEmbedding', { x, cos, sin }, { headSize });
    if (fused !== undefined) return fused;
    const heads = tf.reshape(x, [batch, sequence, width / headSize, headSize]);
    const [first, second] = tf.split(heads, 2, -1);
    const rotated = tf.concat([tf.neg(second), first], -1);
    return tf.reshape(tf.add(tf.mul(heads, cos), tf.mul(rotated, sin)), x.shape);
  },
};
