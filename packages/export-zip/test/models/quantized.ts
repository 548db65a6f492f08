import {
  type AffineScheme,
  type AffineStorage,
  bytesOf,
  type DenseDtype,
  denseStorage,
  packDense,
  quantizeWeight,
} from '@tamp/core';

/** A weight matrix rounded to nearest, as the storage of a parameter. */
export function quantized(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  scaleFormat: DenseDtype,
): AffineStorage {
  const { levels, scales, zeroPoints } = quantizeWeight(weight, rows, columns, scheme, { scaleFormat });
  return {
    kind: 'affine',
    scheme,
    levels: bytesOf(packDense(levels, scheme.bits, rows, columns)),
    scales: denseStorage(scales, scaleFormat),
    ...(zeroPoints === undefined ? {} : { zeroPoints: bytesOf(zeroPoints) }),
  };
}
