import type { Int8Activation, Observer } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers as tfjs } from '@tensorflow/tfjs-layers';
import { activationObserver, staticActivation } from '../activation-observer.js';
import type { ActivationSettings } from '../settings.js';
import { checkBatch } from './check-batch.js';
import type { TreeLayer } from './layer-tree.js';
import type { LayersBatch } from './layers-batch.js';

/** A layer's input, held until it can be read: a layer is called synchronously. */
interface Held {
  readonly observer: Observer;
  readonly input: tf.Tensor;
}

/**
 * Sends batches through a model and observes the inputs of layers. Gives each layer's activation; rejects
 * with a `TampError` (`data`) for values that are not finite and for layers that no batch reached, and (`usage`) for a
 * batch that does not fit the model: before any work where batches are a list, else when it comes.
 */
export async function calibrateLayers(
  model: LayersModel,
  layers: readonly TreeLayer[],
  batches: Iterable<LayersBatch> | AsyncIterable<LayersBatch>,
  settings: ActivationSettings,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<TreeLayer, Int8Activation>> {
  if (Array.isArray(batches)) for (const [i, batch] of batches.entries()) checkBatch(model, batch, i + 1);
  // A layer used in several places is one layer: it has one observer.
  const observers = new Map<tfjs.Layer, Observer>();
  for (const { path, layer } of layers) {
    if (!observers.has(layer)) observers.set(layer, activationObserver(settings, path));
  }
  let held: Held[] = [];
  let number = 0;
  for (const [layer, observer] of observers) {
    layer.setCallHook((inputs) => {
      const input = Array.isArray(inputs) ? inputs[0] : inputs;
      held.push({ observer, input: tf.keep(tf.clone(input)) });
    });
  }
  try {
    for await (const batch of batches) {
      signal?.throwIfAborted();
      checkBatch(model, batch, ++number);
      tf.dispose(model.predictOnBatch(batch));
      for (const { observer, input } of held) {
        observer.observe(Float32Array.from(await input.data()), input.shape);
        input.dispose();
      }
      held = [];
    }
  } finally {
    for (const layer of observers.keys()) layer.clearCallHook();
    for (const { input } of held) input.dispose();
  }
  return new Map(
    layers.flatMap((target) => {
      const observer = observers.get(target.layer);
      return observer === undefined ? [] : [[target, staticActivation(observer, settings)] as const];
    }),
  );
}
