import * as tf from '@tensorflow/tfjs-core';
import { fusedKernel } from '../kernels/fused.js';
import { numberAttribute, numbersAttribute } from './attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

interface Rotations {
  readonly sequence: number;
  readonly start: number;
  readonly frequencies: readonly number[];
  readonly scale: number;
  /** [sequence, headSize], the frequencies repeated for both halves. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** The last table: every layer of a model, q and k alike, asks for the same one. */
let latest: Rotations | undefined;

/** cos and sin of position · frequency. */
function rotations(
  sequence: number,
  start: number,
  frequencies: readonly number[],
  scale: number,
): Rotations {
  const half = frequencies.length;
  const same =
    latest !== undefined &&
    latest.sequence === sequence &&
    latest.start === start &&
    latest.scale === scale &&
    latest.frequencies.length === half &&
    latest.frequencies.every((frequency, i) => frequency === frequencies[i]);
  if (latest !== undefined && same) return latest;
  const cos = new Float32Array(sequence * half * 2);
  const sin = new Float32Array(sequence * half * 2);
  for (let position = 0; position < sequence; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround((start + position) * Math.fround(frequencies[i]));
      const at = position * half * 2 + i;
      cos[at] = cos[at + half] = Math.fround(Math.cos(angle)) * scale;
      sin[at] = sin[at + half] = Math.fround(Math.sin(angle)) * scale;
    }
  }
  latest = { sequence, start, frequencies, scale, cos, sin };
  return latest;
}

/**
 * Rotary position embedding (Su et al. 2021) as Llama applies it: each head's first half is rotated against its
 * second half. Input x [batch, sequence, heads · headSize]; optionally the position of the first token, an int32
 * scalar (default 0). Attributes: `frequencies` (headSize / 2 inverse frequencies, any scaling already in them)
 * and `attentionScale` (factor on cos and sin; 1 but for yarn).
 */
export const rotaryEmbedding: Operator = {
  name: 'rotary_embedding',
  arity: [1, 2],
  infer([x], attributes, layer) {
    const headSize = 2 * numbersAttribute(attributes, 'frequencies', 'rotary_embedding', layer).length;
    numberAttribute(attributes, 'attentionScale', 'rotary_embedding', layer);
    const width = x.shape.at(-1);
    if (x.shape.length !== 3) rejectInputs('rotary_embedding', layer, 'x must be [batch, sequence, width]');
    if (headSize === 0 || (typeof width === 'number' && width % headSize !== 0)) {
      rejectInputs('rotary_embedding', layer, `width ${width} is no multiple of the head size ${headSize}`);
    }
    return x;
  },
  run([input, startOperand], attributes) {
    const x = asTensor(input);
    const frequencies = numbersAttribute(attributes, 'frequencies', 'rotary_embedding');
    const scale = numberAttribute(attributes, 'attentionScale', 'rotary_embedding');
    const start = startOperand === undefined ? 0 : asTensor(startOperand).dataSync()[0];
    const [batch, sequence, width] = x.shape;
    const headSize = 2 * frequencies.length;
    const table = rotations(sequence, start, frequencies, scale);
    const cos = tf.tensor(table.cos, [1, sequence, 1, headSize]);
    const sin = tf.tensor(table.sin, [1, sequence, 1, headSize]);
    const fused = fusedKernel('TampRotaryEmbedding', { x, cos, sin }, { headSize });
    if (fused !== undefined) return fused;
    const heads = tf.reshape(x, [batch, sequence, width / headSize, headSize]);
    const [first, second] = tf.split(heads, 2, -1);
    const rotated = tf.concat([tf.neg(second), first], -1);
    return tf.reshape(tf.add(tf.mul(heads, cos), tf.mul(rotated, sin)), x.shape);
  },
};
