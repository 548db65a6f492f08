import type { Checkpoint } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { IntermediateCache } from '../cache/intermediate-cache.js';
import { typedValues } from '../cache/typed-values.js';

/** Puts a checkpoint's values back into the cache. */
export async function restoreValues({ values }: Checkpoint, cache: IntermediateCache): Promise<void> {
  for (const { users, shape, dtype, read } of values) {
    const tensor = tf.tensor(typedValues(await read(), dtype), [...shape], dtype);
    try {
      for (const { batch, name } of users) await cache.put(batch, name, tensor);
    } finally {
      tensor.dispose();
    }
  }
}
