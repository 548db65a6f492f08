import {
  type AffineScheme,
  checkScheme,
  chooseWeightTargets,
  describeScheme,
  type Granularity,
  type Model,
  matrixShape,
  type Parameter,
  TampError,
  type WeightTarget,
} from '@tamp/core';
import type { GptqSettings, WeightSettings } from './settings.js';

/** A layer and what its weight will become. */
export interface ChosenLayer extends WeightTarget {
  readonly scheme: AffineScheme;
}

/** Operators whose output is linear in their second input, a weight. */
const kinds = ['linear', 'conv2d'];
/** The group size of most published 4-bit models. */
const usualGroupSize = 128;

function granularityOf({ bits, granularity, groupSize }: WeightSettings): Granularity {
  const kind = granularity ?? (groupSize !== undefined || bits < 8 ? 'group' : 'channel');
  return kind === 'group' ? { kind, groupSize: groupSize ?? usualGroupSize } : { kind };
}

/** Throws a `TampError` (`usage`) when a layer's weight is quantized already. */
export function checkDense(layer: string, { name, storage }: Parameter): void {
  if (storage.kind === 'dense') return;
  const how = storage.kind === 'affine' ? describeScheme(storage.scheme) : 'mixed bit widths';
  throw new TampError(`its weight ${name} is quantized already (${how})`, {
    code: 'usage',
    at: { layer },
    remedy: `Start from the float model, or leave the layer out with ignore: [${layer}].`,
  });
}

/**
 * The layers that the settings choose, each with its scheme. Throws a `TampError` (`usage`) when a target matches
 * nothing, a weight is quantized already, or a group size does not divide a layer's width.
 */
export function chooseLayers(model: Model, settings: GptqSettings): readonly ChosenLayer[] {
  const { weights } = settings;
  const scheme: AffineScheme = {
    bits: weights.bits,
    symmetric: weights.symmetric,
    granularity: granularityOf(weights),
  };
  return chooseWeightTargets(model, settings, kinds).map((target) => {
    checkDense(target.layer, target.parameter);
    checkScheme(scheme, matrixShape(target.parameter.shape).columns, target.layer);
    return { ...target, scheme };
  });
}
