import { type Graph, type GraphNode, matchOperators, TampError } from '@tamp/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { refuseInt8 } from '../refuse-int8.js';
import type { Int8LinearSettings } from '../settings.js';
import { type TreeLayer, walkLayers } from './layer-tree.js';

/** Operators that stand for the layers to choose from. */
const operatorsByClass: Readonly<Record<string, string>> = { Dense: 'linear', Int8Dense: 'int8_linear' };

/**
 * The structure of a model as scopes, with an operator `linear` for each dense layer: what patterns are matched on. An
 * int8 one is `int8_linear` in a scope of class `Dense`, so that a pattern finds it as before.
 */
function structure(layers: readonly TreeLayer[]): Graph {
  const nodes: GraphNode[] = layers.flatMap(({ path, layer }) => {
    const operator = operatorsByClass[layer.getClassName()];
    return operator === undefined
      ? []
      : [{ kind: 'operator', name: path, scope: path, operator, inputs: [], attributes: {} }];
  });
  const classOf = (name: string): string => (name === 'Int8Dense' ? 'Dense' : name);
  return {
    nodes,
    scopes: Object.fromEntries(layers.map(({ path, layer }) => [path, classOf(layer.getClassName())])),
  };
}

/**
 * The dense layers of a tf.layers model that the settings choose; one that is used in several places comes at each.
 * Throws a `TampError` (`usage`) when a target matches nothing, or nothing that is float still, or a layer has no weights
 * yet.
 */
export function chooseDenseLayers(model: LayersModel, settings: Int8LinearSettings): readonly TreeLayer[] {
  const layers = [...walkLayers(model)];
  const graph = structure(layers);
  refuseInt8(graph, settings.targets, ['linear']);
  const dense = matchOperators(graph, settings, ({ operator }) => operator === 'linear');
  const names = new Set(dense.map(({ name }) => name));
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
