import type { LayersModel, layers as tfjs } from '@tensorflow/tfjs-layers';

type Layer = tfjs.Layer;

/** A layer in the structure of a tf.layers model. */
export interface TreeLayer {
  /** Names of the models and wrappers around it and its own, joined with dots. */
  readonly path: string;
  readonly layer: Layer;
}

function isContainer(layer: Layer): layer is LayersModel {
  return 'layers' in layer && Array.isArray(layer.layers);
}

/** A layer that applies another one to each time step. */
function isTimeDistributed(layer: Layer): layer is Layer & { readonly layer: Layer } {
  return layer.getClassName() === 'TimeDistributed' && 'layer' in layer;
}

/** The layers directly inside a model or wrapper; none inside any other layer. */
export function innerLayers(layer: Layer): readonly Layer[] {
  if (isContainer(layer)) return layer.layers;
  return isTimeDistributed(layer) ? [layer.layer] : [];
}

/** Every layer below a model in the order of its structure; a model or wrapper comes before what is inside it. */
export function* walkLayers(model: Layer, prefix = ''): Generator<TreeLayer> {
  for (const layer of innerLayers(model)) {
    const path = `${prefix}${layer.name}`;
    yield { path, layer };
    yield* walkLayers(layer, `${path}.`);
  }
}
