import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** An optimizer of tfjs by its name and numbers. */
export type OptimizerOptions =
  | {
      readonly kind: 'adam';
      readonly learningRate: number;
      readonly beta1?: number;
      readonly beta2?: number;
      /** Default 1e-8, as in PyTorch; tfjs itself takes 1e-7. */
      readonly epsilon?: number;
    }
  | { readonly kind: 'sgd'; readonly learningRate: number; readonly momentum?: number }
  | { readonly kind: 'rmsprop'; readonly learningRate: number; readonly decay?: number };

/** Makes the optimizer; the caller disposes of it. Throws a `TampError` (`usage`) for a learning rate that is none. */
export function createOptimizer(options: OptimizerOptions): tf.Optimizer {
  const { learningRate } = options;
  if (!(learningRate > 0 && learningRate < Infinity)) {
    throw new TampError(`learningRate ${learningRate} is not possible`, { code: 'usage' });
  }
  switch (options.kind) {
    case 'adam':
      return tf.train.adam(
        learningRate,
        options.beta1 ?? 0.9,
        options.beta2 ?? 0.999,
        options.epsilon ?? 1e-8,
      );
    case 'sgd':
      return options.momentum === undefined
        ? tf.train.sgd(learningRate)
        : tf.train.momentum(learningRate, options.momentum);
    case 'rmsprop':
      return tf.train.rmsprop(learningRate, options.decay ?? 0.9);
  }
}

/** Sets the learning rate of a tfjs optimizer, which only some kinds offer a method for. */
export function setLearningRate(optimizer: tf.Optimizer, learningRate: number): void {
  if ('setLearningRate' in optimizer && typeof optimizer.setLearningRate === 'function') {
    optimizer.setLearningRate(learningRate);
  } else {
    Reflect.set(optimizer, 'learningRate', learningRate);
  }
}

/** Frees an optimizer. tfjs's momentum forgets the tensor of its learning rate. */
export function disposeOptimizer(optimizer: tf.Optimizer): void {
  optimizer.dispose();
  const rate: unknown = Reflect.get(optimizer, 'c');
  if (rate instanceof tf.Tensor && !rate.isDisposed) rate.dispose();
}
