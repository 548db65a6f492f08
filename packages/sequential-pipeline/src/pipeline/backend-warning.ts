import * as tf from '@tensorflow/tfjs-core';

/** Backends that were warned of: once each is enough. */
const known = new WeakSet<object>();

/** The warning that calibration runs on tfjs's plain CPU backend; none on others, nor the second time. */
export function backendWarning(): readonly string[] {
  const backend = tf.backend();
  if (tf.getBackend() !== 'cpu' || known.has(backend)) return [];
  known.add(backend);
  return [
    "Calibration runs on tfjs's plain CPU backend, in JavaScript on one thread: @tamp/backend-cpu and @tamp/backend-webgpu are many times faster.",
  ];
}
