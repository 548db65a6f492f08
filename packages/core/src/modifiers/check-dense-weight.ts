import { TampError } from '../errors/tamp-error.js';
import { describeScheme } from '../schemes/scheme.js';
import type { WeightTarget } from './weight-targets.js';

/** Throws a `TampError` (`usage`) when a layer's weight is quantized already. */
export function checkDenseWeight({ layer, parameter }: Pick<WeightTarget, 'layer' | 'parameter'>): void {
  const { storage } = parameter;
  if (storage.kind === 'dense') return;
  const how = storage.kind === 'affine' ? describeScheme(storage.scheme) : 'mixed bit widths';
  throw new TampError(`its weight ${parameter.name} is quantized already (${how})`, {
    code: 'usage',
    at: { layer },
    remedy: `Start from the float model, or leave the layer out with ignore: [${layer}].`,
  });
}
