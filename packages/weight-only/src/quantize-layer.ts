import {
  type AffineScheme,
  affineStorage,
  dequantizeWeight,
  matrixShape,
  type Parameter,
  packedStorage,
  type RangeSearch,
  readParameter,
  type WeightError,
  weightError,
} from '@tamp/core';
import { quantizeRows } from './quantize-rows.js';
import { roundRows } from './round-rows.js';
import type { RangeSettings, WeightOnlySettings } from './settings.js';

/** A weight after quantization and how far it is from the original. */
export interface QuantizedLayer {
  readonly parameter: Parameter;
  readonly error: WeightError;
}

function searchOf({ observer, ...search }: RangeSettings): RangeSearch | undefined {
  return observer === 'mse' ? search : undefined;
}

/**
 * Quantizes one weight. Rejects with a `TampError` (`data`) that names the layer when a value is NaN or infinite.
 */
export async function quantizeLayer(
  layer: string,
  parameter: Parameter,
  scheme: AffineScheme,
  { rangeSearch, scaleDtype }: Pick<WeightOnlySettings, 'rangeSearch' | 'scaleDtype'>,
  signal: AbortSignal,
): Promise<QuantizedLayer> {
  const { rows, columns } = matrixShape(parameter.shape);
  const { storage } = parameter;
  if (rangeSearch.observer !== 'mse' && scheme.granularity.kind !== 'tensor' && storage.kind === 'dense') {
    const { weight, error } = await roundRows(storage, rows, columns, scheme, { layer, scaleDtype }, signal);
    return { parameter: { ...parameter, storage: packedStorage(weight, scheme, scaleDtype) }, error };
  }
  const weight = await readParameter(parameter);
  const search = searchOf(rangeSearch);
  const options = { layer, scaleFormat: scaleDtype, ...(search === undefined ? {} : { search }) };
  const quantized = await quantizeRows(weight, rows, columns, scheme, options, signal);
  return {
    parameter: { ...parameter, storage: affineStorage(quantized, scheme, parameter.shape, scaleDtype) },
    error: weightError(weight, dequantizeWeight(quantized)),
  };
}
