import {
  type AffineScheme,
  checkDenseWeight,
  checkScheme,
  chooseWeightTargets,
  type Model,
  matchOperators,
  matrixShape,
  type SchemeOptions,
  schemeOfOptions,
  type WeightTarget,
} from '@tamp/core';
import { overridden } from './scheme.js';
import type { WeightOnlySettings } from './settings.js';

/** A layer and what its weight will become. */
export interface ChosenLayer extends WeightTarget {
  readonly scheme: AffineScheme;
}

/** Operators whose second input is a weight matrix that can stay quantized. */
const kinds = ['linear', 'embedding'];

/**
 * The layers that the settings choose, each with its scheme. Throws a `TampError` (`usage`) when a target matches
 * nothing, a weight is quantized already, or a group size does not divide a layer's width.
 */
export function chooseLayers(model: Model, settings: WeightOnlySettings): readonly ChosenLayer[] {
  const targets = chooseWeightTargets(model, settings, kinds);
  const names = new Set(targets.map(({ node }) => node.name));
  const weightsOf = new Map<string, SchemeOptions>();
  for (const { targets: patterns, weights } of settings.overrides) {
    for (const { name } of matchOperators(model.graph, { targets: patterns }, (node) =>
      names.has(node.name),
    )) {
      weightsOf.set(name, overridden(weightsOf.get(name) ?? settings.weights, weights));
    }
  }
  return targets.map((target) => {
    checkDenseWeight(target);
    const scheme = schemeOfOptions(weightsOf.get(target.node.name) ?? settings.weights);
    checkScheme(scheme, matrixShape(target.parameter.shape).columns, target.layer);
    return { ...target, scheme };
  });
}
