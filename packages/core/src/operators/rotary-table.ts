import * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../graph/graph.js';
import { numberAttribute, numbersAttribute } from './attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/** cos and sin of the angles of some positions. */
export interface Rotations {
  /** [sequence, headSize], the frequencies repeated for both halves of a head. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly headSize: number;
}

/** The frequencies and the factor on cos and sin that a rotation's attributes give. */
interface Rotation {
  readonly frequencies: readonly number[];
  readonly attentionScale: number;
}

interface Table extends Rotations, Rotation {
  readonly sequence: number;
  readonly start: number;
}

/** The last table: every layer of a model, q and k alike, asks for the same one. */
let latest: Table | undefined;

/** Reads `frequencies` and `attentionScale`; throws a `TampError` (`format`) where they are none. */
export function rotationAttributes(attributes: Attributes, operator: string, layer?: string): Rotation {
  return {
    frequencies: numbersAttribute(attributes, 'frequencies', operator, layer),
    attentionScale: numberAttribute(attributes, 'attentionScale', operator, layer),
  };
}

/** cos and sin of position · frequency for the positions from `start` on, times the attention scale. */
export function rotations(
  sequence: number,
  start: number,
  { frequencies, attentionScale }: Rotation,
): Rotations {
  const half = frequencies.length;
  const same =
    latest !== undefined &&
    latest.sequence === sequence &&
    latest.start === start &&
    latest.attentionScale === attentionScale &&
    latest.frequencies.length === half &&
    latest.frequencies.every((frequency, i) => frequency === frequencies[i]);
  if (latest !== undefined && same) return latest;
  const cos = new Float32Array(sequence * half * 2);
  const sin = new Float32Array(sequence * half * 2);
  for (let position = 0; position < sequence; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround((start + position) * Math.fround(frequencies[i]));
      const at = position * half * 2 + i;
      cos[at] = cos[at + half] = Math.fround(Math.cos(angle)) * attentionScale;
      sin[at] = sin[at + half] = Math.fround(Math.sin(angle)) * attentionScale;
    }
  }
  latest = { sequence, start, frequencies, attentionScale, cos, sin, headSize: 2 * half };
  return latest;
}

/**
 * The table of cosines or sines that `rotary_embedding` takes when its positions do not begin at 0. Inputs: any value
 * [batch, sequence, …] with as many positions as will be rotated, and one [batch, length, …] whose length is the number
 * of positions that come before: the lengths are known without reading a value, on every backend. Output float32
 * [1, sequence, 1, headSize]. Attributes: `part` (`cos` or `sin`), `frequencies` and `attentionScale` as for
 * `rotary_embedding`.
 */
export const rotaryTable: Operator = {
  name: 'rotary_table',
  arity: [2, 2],
  infer([positions, past], attributes, layer) {
    const { frequencies } = rotationAttributes(attributes, 'rotary_table', layer);
    if (attributes.part !== 'cos' && attributes.part !== 'sin') {
      rejectInputs('rotary_table', layer, 'attribute part must be cos or sin');
    }
    if (positions.shape.length < 2 || past.shape.length < 2) {
      rejectInputs('rotary_table', layer, 'both inputs must be [batch, sequence, …]');
    }
    return { dtype: 'float32', shape: [1, positions.shape[1], 1, 2 * frequencies.length] };
  },
  run([positions, past], attributes) {
    const [, sequence] = asTensor(positions).shape;
    const [, start] = asTensor(past).shape;
    const table = rotations(sequence, start, rotationAttributes(attributes, 'rotary_table'));
    return tf.tensor(attributes.part === 'cos' ? table.cos : table.sin, [1, sequence, 1, table.headSize]);
  },
};
