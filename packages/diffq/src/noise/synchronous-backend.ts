import * as tf from '@tensorflow/tfjs-core';

/** Backends whose data live on a graphics processor: reading them at once stalls (webgl) or fails (webgpu). */
const graphicsBackends: ReadonlySet<string> = new Set(['webgl', 'webgpu']);

/** Whether the current tfjs backend gives a tensor's data at once, so that an operation may be plain TypeScript. */
export function readsAtOnce(): boolean {
  return !graphicsBackends.has(tf.getBackend());
}

/** A float tensor's values. Only on backends that read at once; do not write to them. */
export function floatsOf(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync();
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
