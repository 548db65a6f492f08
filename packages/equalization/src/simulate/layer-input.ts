import type { PlannedQuantization } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { roundAffine, roundSymmetric } from './round-to-int8.js';

/** Numbers and their shape, outside the backend: rounding them in loops is many times faster than by tensors. */
export interface ShapedValues {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** What flows into layers: in float, and as activations would hold it, made once for all layers that read it. */
export interface LayerInput {
  readonly exact: tf.Tensor;
  /** `exact` itself where activations stay float. Not to be called in `tidy`: the tensor stays for other layers. */
  rounded(activation: PlannedQuantization['activation']): tf.Tensor;
  dispose(): void;
}

/** The input of layers, [rows or images, …]. */
export function layerInput({ values, shape }: ShapedValues): LayerInput {
  const exact = tf.tensor(values, [...shape]);
  const made = new Map<PlannedQuantization['activation'], tf.Tensor>();
  return {
    exact,
    rounded(activation) {
      // Blocks of a row hold no other block's loud channels: next to weights of few bits they count as float.
      if (activation === 'none' || activation === 'block') return exact;
      const known = made.get(activation);
      if (known !== undefined) return known;
      // A row of a matrix is a token, an image is one too.
      const rounded =
        activation === 'token' ? roundSymmetric(values, values.length / shape[0]) : roundAffine(values);
      const tensor = tf.tensor(rounded, [...shape]);
      made.set(activation, tensor);
      return tensor;
    },
    dispose() {
      tf.dispose([exact, ...made.values()]);
    },
  };
}
