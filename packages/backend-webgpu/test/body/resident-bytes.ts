import { elementCount, type Model, matrixShape, type Parameter, wordsPerRow } from '@tamp/core';

/** Bytes of a parameter on the GPU: packed words, scales and zero points of 4 bytes, or float32 values. */
function parameterBytes({ shape, storage }: Parameter): number {
  if (storage.kind !== 'affine') return elementCount(shape) * 4;
  const { rows, columns } = matrixShape(shape);
  const { bits, granularity, symmetric } = storage.scheme;
  const groups = granularity.kind === 'group' ? columns / granularity.groupSize : 1;
  return 4 * rows * (wordsPerRow(columns, bits) + groups * (symmetric ? 1 : 2));
}

/** Bytes that a model's parameters take on the GPU once all are loaded. */
export function residentBytes(model: Model): number {
  return [...model.parameters.values()].reduce((sum, parameter) => sum + parameterBytes(parameter), 0);
}
