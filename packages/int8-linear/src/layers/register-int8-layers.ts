import * as tf from '@tensorflow/tfjs-core';
import { defineInt8Dense, type Int8DenseClass } from './int8-dense.js';
import { loadTfjsLayers } from './tfjs-layers.js';

let registered: Promise<Int8DenseClass> | undefined;

async function register(): Promise<Int8DenseClass> {
  const int8Dense = defineInt8Dense(await loadTfjsLayers());
  tf.serialization.registerClass(int8Dense);
  return int8Dense;
}

/**
 * Makes tf.layers know the int8 layers: await it before `tf.loadLayersModel` of a quantized model. Once per process;
 * quantizing a tf.layers model does it too. Rejects with a `TampError` when tfjs-layers is not installed.
 */
export async function registerInt8Layers(): Promise<void> {
  await int8DenseClass();
}

/** The registered class. */
async function int8DenseClass(): Promise<Int8DenseClass> {
  registered ??= register();
  try {
    return await registered;
  } catch (error) {
    // It may be installed by the next call.
    registered = undefined;
    throw error;
  }
}
