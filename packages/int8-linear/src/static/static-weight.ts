import {
  type AffineScheme,
  type Observer,
  type QuantizedWeight,
  quantizeAffine,
  TampError,
} from '@tamp/core';
import { weightLevels } from './static-options.js';

/** An int8 weight with the scheme that its observer's rule amounts to. */
export interface StaticWeight extends QuantizedWeight {
  readonly scheme: AffineScheme;
}

/**
 * Quantizes a weight [rows, columns] with the scales and zero points that an observer finds in it (FBGEMM's rounding:
 * times the float32 reciprocal of the scale). Throws a `TampError`: `data` for NaN and infinities, `usage` for an
 * observer whose ranges are neither one nor one per row, or whose zero points are no int8.
 */
export function quantizeStaticWeight(
  weight: Float32Array,
  rows: number,
  columns: number,
  observer: Observer,
  layer: string,
): StaticWeight {
  observer.observe(weight, [rows, columns]);
  const { scale, zeroPoint } = observer.params();
  const fits = scale.length === 1 || scale.length === rows;
  if (!fits || zeroPoint.some((zero) => zero < weightLevels.min || zero > weightLevels.max)) {
    throw new TampError('the observer of its weight does not suit int8', {
      code: 'usage',
      at: { layer },
      remedy:
        'Use a rule with levels −128…127 and axis 0 for a scale per output channel, or no axis for one in all.',
    });
  }
  const levels = new Int8Array(weight.length);
  const length = weight.length / scale.length;
  for (let i = 0; i < scale.length; i++) {
    const values = weight.subarray(i * length, (i + 1) * length);
    const target = levels.subarray(i * length, (i + 1) * length);
    quantizeAffine(values, { scale: scale[i], zeroPoint: zeroPoint[i] }, weightLevels, target);
  }
  const symmetric = zeroPoint.every((zero) => zero === 0);
  const scheme: AffineScheme = {
    bits: 8,
    symmetric,
    granularity: { kind: scale.length === rows && rows > 1 ? 'channel' : 'tensor' },
  };
  return symmetric
    ? { levels, scales: scale, scheme }
    : { levels, scales: scale, zeroPoints: Int8Array.from(zeroPoint), scheme };
}

/**
 * The constants that turn a layer's integer sums into levels of its output (see the operator `quantized_linear`):
 * fround(fround(input scale · weight scale) / output scale) and fround(bias / fround(input scale · weight scale)).
 */
export function requantizationConstants(
  weightScales: Float32Array,
  bias: Float32Array | undefined,
  rows: number,
  inputScale: number,
  outputScale: number,
): { readonly multiplier: Float32Array; readonly offset: Float32Array } {
  const multiplier = new Float32Array(rows);
  const offset = new Float32Array(rows);
  for (let n = 0; n < rows; n++) {
    const scale = Math.fround(inputScale * weightScales[weightScales.length === 1 ? 0 : n]);
    multiplier[n] = scale / outputScale;
    offset[n] = (bias?.[n] ?? 0) / scale;
  }
  return { multiplier, offset };
}
