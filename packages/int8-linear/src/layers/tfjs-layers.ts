import { TampError } from '@tamp/core';

/** The module `@tensorflow/tfjs-layers`. */
export type TfjsLayers = typeof import('@tensorflow/tfjs-layers');

/**
 * Loads tfjs-layers, which this package does not depend on: who quantizes graph models only has no use for it.
 * Rejects with a `TampError` (`usage`) when it is not installed.
 */
export async function loadTfjsLayers(): Promise<TfjsLayers> {
  try {
    return await import('@tensorflow/tfjs-layers');
  } catch (cause) {
    throw new TampError('a tf.layers model needs @tensorflow/tfjs-layers', {
      code: 'usage',
      remedy: 'Install @tensorflow/tfjs-layers in the version of your @tensorflow/tfjs-core.',
      cause,
    });
  }
}
