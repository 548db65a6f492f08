import * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../graph/graph.js';
import { fusedKernel } from '../kernels/fused.js';
import { numberAttribute, sizeAttribute } from './attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** Factor on the scores, 1/√headSize as a rule. */
  readonly scale: number;
}

function attentionShape(attributes: Attributes, layer: string): AttentionShape {
  const shape = {
    heads: sizeAttribute(attributes, 'heads', 'attention', layer),
    keyValueHeads: sizeAttribute(attributes, 'keyValueHeads', 'attention', layer),
    headSize: sizeAttribute(attributes, 'headSize', 'attention', layer),
    scale: numberAttribute(attributes, 'scale', 'attention', layer),
  };
  if (shape.heads % shape.keyValueHeads !== 0) {
    rejectInputs(
      'attention',
      layer,
      `${shape.heads} heads cannot share ${shape.keyValueHeads} key-value heads`,
    );
  }
  return shape;
}

/** [batch, length, heads · headSize] → [batch, heads, length, headSize]. */
function splitHeads(x: tf.Tensor, heads: number, headSize: number): tf.Tensor4D {
  const [batch, length] = x.shape;
  return tf.transpose(tf.reshape(x, [batch, length, heads, headSize]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** Repeats each key-value head for the query heads that share it. */
function repeatHeads(x: tf.Tensor4D, times: number): tf.Tensor4D {
  if (times === 1) return x;
  const [batch, heads, length, size] = x.shape;
  const repeated = tf.tile(tf.reshape(x, [batch, heads, 1, length * size]), [1, 1, times, 1]);
  return tf.reshape(repeated, [batch, heads * times, length, size]) as tf.Tensor4D;
}

/** 0 where a query may look, -1e30 where the key lies in its future; the last query sees every key. */
function causalMask(queries: number, keys: number): tf.Tensor {
  const mask = new Float32Array(queries * keys);
  for (let q = 0; q < queries; q++) mask.fill(-1e30, q * keys + keys - queries + q + 1, (q + 1) * keys);
  return tf.tensor(mask, [1, 1, queries, keys]);
}

/**
 * Causal attention with grouped-query heads (Ainslie et al. 2023). Inputs: q [batch, queries, heads · headSize],
 * k and v [batch, keys, keyValueHeads · headSize], keys ≥ queries (the queries are the last positions). Output as
 * q. Attributes: heads, keyValueHeads, headSize, scale.
 */
export const attention: Operator = {
  name: 'attention',
  arity: [3, 3],
  infer([q, k, v], attributes, layer) {
    const { heads, keyValueHeads, headSize } = attentionShape(attributes, layer);
    const expect = (name: string, shape: readonly (number | null)[], width: number): void => {
      if (shape.length !== 3 || (shape[2] !== null && shape[2] !== width)) {
        rejectInputs(
          'attention',
          layer,
          `${name} must be [batch, sequence, ${width}], not [${shape.join(', ')}]`,
        );
      }
    };
    expect('q', q.shape, heads * headSize);
    expect('k', k.shape, keyValueHeads * headSize);
    expect('v', v.shape, keyValueHeads * headSize);
    return q;
  },
  run([qOperand, kOperand, vOperand], attributes) {
    const q = asTensor(qOperand);
    const k = asTensor(kOperand);
    const v = asTensor(vOperand);
    const { heads, keyValueHeads, headSize, scale } = attentionShape(attributes, 'attention');
    const fused = fusedKernel('TampAttention', { q, k, v }, { heads, keyValueHeads, headSize, scale });
    if (fused !== undefined) return fused;
    const shared = heads / keyValueHeads;
    const query = splitHeads(q, heads, headSize);
    const key = repeatHeads(splitHeads(k, keyValueHeads, headSize), shared);
    const value = repeatHeads(splitHeads(v, keyValueHeads, headSize), shared);
    const scores = tf.mul(tf.matMul(query, key, false, true), scale);
    const weights = tf.softmax(tf.add(scores, causalMask(query.shape[2], key.shape[2])));
    return tf.reshape(tf.transpose(tf.matMul(weights as tf.Tensor4D, value), [0, 2, 1, 3]), q.shape);
  },
};
