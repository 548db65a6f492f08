import {
  checkDenseWeight,
  chooseWeightTargets,
  type Model,
  matchOperators,
  type WeightTarget,
} from '@tamp/core';
import { refuseInt8 } from './refuse-int8.js';
import type { Int8LinearSettings } from './settings.js';

/** A weight to quantize and every matched layer that uses it. */
export interface ChosenLayer extends WeightTarget {
  /** Names of the linear operators to make int8, the target's own first. */
  readonly nodes: readonly string[];
}

/**
 * The layers that the settings choose. Throws a `TampError` (`usage`) when a target matches nothing, or nothing that is
 * float still.
 */
export function chooseLayers(model: Model, settings: Int8LinearSettings): readonly ChosenLayer[] {
  refuseInt8(model.graph, settings.targets, ['linear']);
  const matched = matchOperators(model.graph, settings, ({ operator }) => operator === 'linear');
  return chooseWeightTargets(model, settings).map((target) => {
    checkDenseWeight(target);
    const weight = target.node.inputs[1];
    return { ...target, nodes: matched.filter(({ inputs }) => inputs[1] === weight).map(({ name }) => name) };
  });
}
