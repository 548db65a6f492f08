import { readAll } from '../bytes/byte-source.js';
import type { PlainQuantizedWeight } from '../kernels/pack-weights.js';
import { kernelGroupSize } from '../kernels/pack-weights.js';
import { type AffineStorage, matrixShape, type Parameter } from './parameter.js';
import { aligned, readDense } from './read-dense.js';

/** One value for every row: the kernels know no tensor granularity. */
function perRow<T extends Float32Array | Int32Array>(values: T, count: number): T {
  if (values.length === count || values.length !== 1) return values;
  const first = values[0];
  return (values instanceof Float32Array ? new Float32Array(count) : new Int32Array(count)).fill(first) as T;
}

/** Reads a quantized parameter in the plain form that kernels are packed from. */
export async function readAffine(
  parameter: Parameter & { readonly storage: AffineStorage },
): Promise<PlainQuantizedWeight> {
  const { scheme, levels, scales, zeroPoints } = parameter.storage;
  const { rows, columns } = matrixShape(parameter.shape);
  const count = (rows * columns) / kernelGroupSize(scheme, columns);
  const words = aligned(await readAll(levels), 4);
  const zeros = zeroPoints === undefined ? null : await readAll(zeroPoints);
  return {
    scheme,
    rows,
    columns,
    words: new Int32Array(words.buffer, words.byteOffset, words.byteLength / 4),
    scales: perRow(await readDense(scales), count),
    zeroPoints:
      zeros === null
        ? null
        : perRow(
            Int32Array.from(zeros, (byte) => (byte << 24) >> 24),
            count,
          ),
  };
}
