import * as tf from '@tensorflow/tfjs-core';

/** An operation's value and its gradient function, as `tf.customGrad` takes them. */
export interface Differentiable {
  readonly value: tf.Tensor;
  readonly gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[];
}

/** A forward pass of two inputs; `save` keeps tensors for the gradient. */
export type Compute = (
  weight: tf.Tensor,
  trainable: tf.Tensor,
  save: (tensors: tf.Tensor[]) => void,
) => Differentiable;

/** Runs a forward pass as one operation with a gradient of its own. */
export function differentiable(compute: Compute, weight: tf.Tensor, trainable: tf.Tensor): tf.Tensor {
  return tf.customGrad((...inputs) => {
    const [first, second, save] = inputs as unknown as Parameters<Compute>;
    return compute(first, second, save);
  })(weight, trainable);
}
