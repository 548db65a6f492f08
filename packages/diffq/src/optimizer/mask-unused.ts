import * as tf from '@tensorflow/tfjs-core';

/**
 * Zeroes the gradient of a trainable whose weight's gradient is absent or zero throughout: a part of the model that the
 * step did not use must not lose bits to the penalty. Replaces tensors in `gradients`.
 */
export function maskUnused(
  parameters: readonly { readonly variable: tf.Variable; readonly trainable: tf.Variable | null }[],
  gradients: tf.NamedTensorMap,
): void {
  for (const { variable, trainable } of parameters) {
    if (trainable === null) continue;
    const own = gradients[trainable.name];
    if (own === undefined || own === null) continue;
    const weight: tf.Tensor | null | undefined = gradients[variable.name];
    gradients[trainable.name] = tf.tidy(() => {
      if (weight === undefined || weight === null) return tf.zerosLike(own);
      return tf.mul(own, tf.cast(tf.any(tf.notEqual(weight, 0)), 'float32'));
    });
    own.dispose();
  }
}
