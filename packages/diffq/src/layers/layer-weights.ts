import { TampError } from '@tamp/core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';

type Layer = layers.Layer;

/** A weight of a tf.layers model with its dotted full name (`encoder.dense_1.kernel`). */
export interface LayerWeight {
  readonly name: string;
  readonly weight: LayerVariable;
}

/** All weights of a model: those that training may change, and statistics that layers keep. */
export interface LayerWeights {
  readonly parameters: readonly LayerWeight[];
  readonly buffers: readonly LayerWeight[];
}

function isModel(layer: Layer): layer is LayersModel {
  return Array.isArray(Reflect.get(layer, 'layers'));
}

/** Weights made to be trained, also while their layer is frozen. */
function trainable(layer: Layer): ReadonlySet<LayerVariable> {
  // tf.layers counts a frozen layer's weights among the non-trainable ones; its own list keeps them apart.
  const own: unknown = Reflect.get(layer, '_trainableWeights');
  return new Set([...layer.trainableWeights, ...(Array.isArray(own) ? (own as LayerVariable[]) : [])]);
}

/** `dense_1/kernel` of layer `dense_1` → `kernel`. */
function shortName(layer: Layer, weight: LayerVariable): string {
  const prefix = `${layer.name}/`;
  const name = weight.originalName.startsWith(prefix)
    ? weight.originalName.slice(prefix.length)
    : weight.originalName;
  return name.replaceAll('/', '.');
}

/** The weights of a model in the order of its layers, nested models included. A shared layer comes once. */
export function layerWeights(model: LayersModel): LayerWeights {
  const parameters: LayerWeight[] = [];
  const buffers: LayerWeight[] = [];
  const names = new Set<string>();
  const visited = new Set<Layer>();
  const visit = (layer: Layer, path: string): void => {
    if (visited.has(layer)) return;
    visited.add(layer);
    if (isModel(layer)) {
      for (const inner of layer.layers) visit(inner, path === '' ? inner.name : `${path}.${inner.name}`);
      return;
    }
    const mayTrain = trainable(layer);
    for (const weight of new Set([...mayTrain, ...layer.weights])) {
      const wanted = `${path}.${shortName(layer, weight)}`;
      let name = wanted;
      for (let n = 1; names.has(name); n++) name = `${wanted}_${n}`;
      names.add(name);
      (mayTrain.has(weight) ? parameters : buffers).push({ name, weight });
    }
  };
  visit(model, '');
  if (parameters.length === 0) {
    throw new TampError('the model has no weights yet', {
      code: 'usage',
      remedy: 'Give its first layer an inputShape, or build it, before attaching.',
    });
  }
  return { parameters, buffers };
}
