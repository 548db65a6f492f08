import { elementCount, readAll, TampError } from '@tamp/core';
import type { SafetensorsFile } from '@tamp/safetensors';
import { suggestWord } from '../errors/closest-word.js';
import type { TensorData } from '../tensor-data.js';

/** Most bytes of one tensor of samples or of a checkpoint. */
const largestTensor = 2 ** 31;

/**
 * A tensor of a safetensors file as an array that samples and labels can be. Rejects with a `TampError`: `usage` for a
 * name that the file lacks, `unsupported` for a dtype or a size that samples cannot have, `data` for integers that 32
 * bits cannot hold.
 */
export async function readTensor(file: SafetensorsFile, name: string): Promise<TensorData> {
  const info = file.tensors.get(name);
  const at = { file: file.label, layer: name };
  if (info === undefined) {
    throw new TampError(`holds no tensor ${name}`, {
      code: 'usage',
      at: { file: file.label },
      remedy: suggestWord(name, [...file.tensors.keys()], 'tensors'),
    });
  }
  const source = file.tensor(name);
  if (source.byteLength > largestTensor) {
    throw new TampError(`has ${source.byteLength} bytes`, {
      code: 'unsupported',
      at,
      remedy: 'Split the samples: a tensor of samples has at most 2 GiB.',
    });
  }
  // A copy of its own, so that the values start at an aligned address.
  const { buffer } = Uint8Array.from(await readAll(source));
  const { shape } = info;
  switch (info.dtype) {
    case 'U8':
      return { shape, values: new Uint8Array(buffer) };
    case 'I32':
      return { shape, values: new Int32Array(buffer) };
    case 'F32':
      return { shape, values: new Float32Array(buffer) };
    case 'I64': {
      const values = new Int32Array(elementCount(shape));
      new BigInt64Array(buffer).forEach((value, i) => {
        values[i] = Number(value);
        if (BigInt(values[i]) !== value) {
          throw new TampError(`holds ${value} at position ${i}, which 32 bits cannot`, { code: 'data', at });
        }
      });
      return { shape, values };
    }
    default:
      throw new TampError(`has the dtype ${info.dtype}`, {
        code: 'unsupported',
        at,
        remedy: 'Save samples and labels as F32, I32, I64 or U8.',
      });
  }
}
