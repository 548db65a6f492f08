import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** Mean loss of a batch from the model's output and the labels; differentiable by the output. */
export type Loss = (output: tf.Tensor, labels: tf.Tensor) => tf.Scalar;

/** Losses by name: cross entropy of logits and class numbers, mean squared error of values. */
export type LossName = 'crossEntropy' | 'meanSquaredError';

const losses: Readonly<Record<LossName, Loss>> = {
  crossEntropy(output, labels) {
    const classes = output.shape[output.shape.length - 1];
    const truth = labels.dtype === 'int32' ? tf.cast(tf.oneHot(labels, classes), 'float32') : labels;
    return tf.losses.softmaxCrossEntropy(truth, output);
  },
  meanSquaredError: (output, labels) => tf.losses.meanSquaredError(tf.cast(labels, 'float32'), output),
};

/** A loss by its name, or the given one. */
export function chooseLoss(loss: LossName | Loss): Loss {
  return typeof loss === 'function' ? loss : losses[loss];
}

/** Checks that class numbers fit the output. Throws a `TampError` (`data`). */
export function checkClasses(labels: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] >= 0 && labels[i] < classes) continue;
    throw new TampError(`label ${i} is ${labels[i]}, and the model has ${classes} outputs`, {
      code: 'data',
      remedy: 'Number classes from 0, and use a model with an output for each.',
    });
  }
}

/** Number of samples that the largest output classifies rightly. Labels are class numbers or one-hot rows. */
export function countRight(output: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const truth = labels.dtype === 'int32' ? labels : tf.argMax(labels, -1);
    return tf.sum<tf.Scalar>(tf.cast(tf.equal(tf.argMax(output, -1), truth), 'int32'));
  });
}
