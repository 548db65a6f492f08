import type { QuantizedWeight } from '../affine/quantize-weight.js';
import type { PackedWeight } from '../affine/round-packed.js';
import { bytesOf } from '../bytes/byte-source.js';
import { packDense, wordsPerRow } from '../packing/dense.js';
import { type AffineScheme, scaleCount } from '../schemes/scheme.js';
import { denseStorage } from './memory.js';
import { type AffineStorage, type DenseDtype, matrixShape } from './parameter.js';
import { denseBytes } from './read-dense.js';

/**
 * A quantized weight as the storage of a parameter of the given shape. Scales are stored as `scaleDtype`: choose the
 * levels for scales of that format (`scaleFormat` of `quantizeWeight`), then nothing is lost here.
 */
export function affineStorage(
  weight: QuantizedWeight,
  scheme: AffineScheme,
  shape: readonly number[],
  scaleDtype: DenseDtype = 'float32',
): AffineStorage {
  const { rows, columns } = matrixShape(shape);
  const levels = bytesOf(packDense(weight.levels, scheme.bits, rows, columns));
  const scales = denseStorage(weight.scales, scaleDtype);
  if (weight.zeroPoints === undefined) return { kind: 'affine', scheme, levels, scales };
  return { kind: 'affine', scheme, levels, scales, zeroPoints: bytesOf(weight.zeroPoints) };
}

/** {@link affineStorage} of a weight whose levels are packed already; scales are stored as `scaleDtype`. */
export function packedStorage(
  { words, scales, zeroPoints }: PackedWeight,
  scheme: AffineScheme,
  scaleDtype: DenseDtype = 'float32',
): AffineStorage {
  return {
    kind: 'affine',
    scheme,
    levels: bytesOf(words),
    scales: denseStorage(scales, scaleDtype),
    ...(zeroPoints === undefined ? {} : { zeroPoints: bytesOf(zeroPoints) }),
  };
}

/** Bytes that {@link affineStorage} will take, for a plan. The scheme must fit: `checkScheme`. */
export function affineStorageBytes(
  scheme: AffineScheme,
  shape: readonly number[],
  scaleDtype: DenseDtype = 'float32',
): number {
  const { rows, columns } = matrixShape(shape);
  const perScale = denseBytes[scaleDtype] + (scheme.symmetric ? 0 : 1);
  return rows * wordsPerRow(columns, scheme.bits) * 4 + scaleCount(scheme, rows, columns) * perScale;
}
