import { readAll } from '../bytes/byte-source.js';
import { kernelGroupSize } from '../kernels/pack-weights.js';
import { dequantizeRow } from '../kernels/reference/groupwise-linear.js';
import { decodeMixedBits } from './mixed-bits.js';
import { elementCount, type Parameter } from './parameter.js';
import { readAffine } from './read-affine.js';
import { decodeDenseInto, readDense } from './read-dense.js';

/**
 * A parameter's values as float32, row-major, whatever its storage. The result may share memory with the source: do
 * not write to it. Rejects with a `TampError` when the source cannot be read.
 */
export async function readParameter(parameter: Parameter): Promise<Float32Array> {
  const { storage } = parameter;
  switch (storage.kind) {
    case 'dense':
      return readDense(storage);
    case 'affine': {
      const plain = await readAffine({ ...parameter, storage });
      const { rows, columns, scheme, words, scales, zeroPoints } = plain;
      const values = new Float32Array(rows * columns);
      const weight = {
        words,
        bits: scheme.bits,
        rows,
        columns,
        groupSize: kernelGroupSize(scheme, columns),
        scales,
        zeroPoints: zeroPoints ?? undefined,
      };
      for (let row = 0; row < rows; row++) {
        dequantizeRow(weight, row, values.subarray(row * columns, (row + 1) * columns));
      }
      return values;
    }
    case 'mixed-bits':
      return decodeMixedBits(
        storage,
        elementCount(parameter.shape),
        await readAll(storage.codes),
        await readAll(storage.levels),
      );
  }
}

/**
 * {@link readParameter} for callers that read one parameter after the other: dense numbers of two bytes go into `room`
 * when it is long enough, instead of into new memory, which takes longer to come by than to fill.
 */
export async function readParameterInto(parameter: Parameter, room: Float32Array): Promise<Float32Array> {
  const { storage, shape } = parameter;
  if (storage.kind !== 'dense' || storage.dtype === 'float32' || room.length < elementCount(shape)) {
    return readParameter(parameter);
  }
  return decodeDenseInto(await readAll(storage.bytes), storage.dtype, room);
}
