import * as tf from '@tensorflow/tfjs-core';
import { float16Values } from '../maths/float16-values.js';
import { floatsOf, readsAtOnce } from '../noise/synchronous-backend.js';
import { straightThrough } from './straight-through.js';

/** A parameter as float16 storage will leave it, with the gradient going straight through. */
export function float16Weight(value: tf.Tensor): tf.Tensor {
  // tfjs cannot round to float16 on a graphics processor; training there sees float32, storage rounds all the same.
  if (!readsAtOnce()) return straightThrough(value, (full) => full.clone());
  return straightThrough(value, (full) => tf.tensor(float16Values(floatsOf(full)), full.shape));
}
