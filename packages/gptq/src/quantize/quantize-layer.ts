import {
  affineStorage,
  errorOfSums,
  groupsPerRow,
  matrixShape,
  type Parameter,
  readParameterInto,
  type SecondMoments,
  type WeightError,
} from '@tamp/core';
import type { ChosenLayer } from '../choose-layers.js';
import { columnOrder } from '../factor/column-order.js';
import { type DampedFactor, dampedFactor } from '../factor/damped-factor.js';
import type { GptqSettings } from '../settings.js';
import { gptqWeight } from './gptq-weight.js';
import { outputEnergyLost } from './output-loss.js';

/** A weight after quantization and what that costs. */
export interface QuantizedLayer {
  readonly parameter: Parameter;
  readonly error: WeightError;
  /** Share of the energy of the layer's output that is lost, on the calibration data. */
  readonly energyLost: number;
}

/** The factor of a Hessian for a layer's order of columns. */
export function factorFor(
  { layer, scheme }: Pick<ChosenLayer, 'layer' | 'scheme'>,
  hessian: SecondMoments,
  settings: GptqSettings,
): Promise<DampedFactor> {
  const groupSize = hessian.columns / groupsPerRow(scheme, hessian.columns);
  return dampedFactor(hessian, columnOrder(hessian, settings.order, groupSize), settings.damping, layer);
}

/** Quantizes one layer's weight, which may be read into `room`. Rejects with a `TampError` (`data`) when a weight is NaN or infinite. */
export async function quantizeLayer(
  { layer, scheme }: Pick<ChosenLayer, 'layer' | 'scheme'>,
  parameter: Parameter,
  hessian: SecondMoments,
  factor: DampedFactor,
  settings: GptqSettings,
  signal: AbortSignal,
  room: Float32Array,
): Promise<QuantizedLayer> {
  const { rows } = matrixShape(parameter.shape);
  const weight = await readParameterInto(parameter, room);
  const { observer, ...search } = settings.rangeSearch;
  const { quantized, figures } = await gptqWeight(weight, rows, scheme, factor, {
    order: settings.order,
    blockSize: settings.blockSize,
    importance: hessian.diagonal,
    layer,
    signal,
    scaleFormat: settings.scaleDtype,
    ...(observer === 'mse' ? { search } : {}),
  });
  let noise = 0;
  let signalPower = 0;
  for (let at = 0; at < figures.length; at += 3) {
    noise += figures[at + 1];
    signalPower += figures[at + 2];
  }
  return {
    parameter: {
      ...parameter,
      storage: affineStorage(quantized, scheme, parameter.shape, settings.scaleDtype),
    },
    error: errorOfSums(signalPower, noise, weight.length),
    energyLost: await outputEnergyLost(weight, figures, rows, factor),
  };
}
