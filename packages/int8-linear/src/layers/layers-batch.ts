import type * as tf from '@tensorflow/tfjs-core';

/** Inputs of a tf.layers model: a tensor, or one per input. The tensors stay the caller's. */
export type LayersBatch = tf.Tensor | tf.Tensor[];
