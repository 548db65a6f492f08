import { type Graph, type GraphNode, matchOperators, TampError } from '@tamp/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Int8LinearSettings } from '../settings.js';
import { type TreeLayer, walkLayers } from './layer-tree.js';

/** The structure of a model as scopes, with an operator `linear` for each dense layer: what patterns are matched on. */
function structure(layers: readonly TreeLayer[]): Graph {
  const nodes: GraphNode[] = layers
    .filter(({ layer }) => layer.getClassName() === 'Dense')
    .map(({ path }) => ({
      kind: 'operator',
      name: path,
      scope: path,
      operator: 'linear',
      inputs: [],
      attributes: {},
    }));
  return { nodes, scopes: Object.fromEntries(layers.map(({ path, layer }) => [path, layer.getClassName()])) };
}

/**
 * The dense layers of a tf.layers model that the settings choose; one that is used in several places comes at each.
 * Throws a `TampError` (`usage`) when a target matches nothing or a layer has no weights yet.
 */
export function chooseDenseLayers(model: LayersModel, settings: Int8LinearSettings): readonly TreeLayer[] {
  const layers = [...walkLayers(model)];
  const names = new Set(matchOperators(structure(layers), settings, () => true).map(({ name }) => name));
  if (names.size === 0) {
    throw new TampError('no layer is left after ignore', { code: 'usage', remedy: 'Ignore fewer layers.' });
  }
  const chosen = layers.filter(({ path }) => names.has(path));
  for (const { path, layer } of chosen) {
    if (layer.built) continue;
    throw new TampError('the layer has no weights yet', {
      code: 'usage',
      at: { layer: path },
      remedy: 'Give the model an inputShape, or call it once.',
    });
  }
  return chosen;
}
