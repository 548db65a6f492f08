import {
  type AffineScheme,
  checkDenseWeight,
  checkScheme,
  chooseWeightTargets,
  type Model,
  matrixShape,
  schemeOfOptions,
  type WeightTarget,
} from '@tamp/core';
import type { GptqSettings } from './settings.js';

/** A layer and what its weight will become. */
export interface ChosenLayer extends WeightTarget {
  readonly scheme: AffineScheme;
}

/** Operators whose output is linear in their second input, a weight. */
const kinds = ['linear', 'conv2d'];
/**
 * The layers that the settings choose, each with its scheme. Throws a `TampError` (`usage`) when a target matches
 * nothing, a weight is quantized already, or a group size does not divide a layer's width.
 */
export function chooseLayers(model: Model, settings: GptqSettings): readonly ChosenLayer[] {
  const scheme = schemeOfOptions(settings.weights);
  return chooseWeightTargets(model, settings, kinds).map((target) => {
    checkDenseWeight(target);
    checkScheme(scheme, matrixShape(target.parameter.shape).columns, target.layer);
    return { ...target, scheme };
  });
}
