import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesOf, elementCount, readAll, TampError } from '@tamp/core';
import { type CheckpointFile, suggestWord, type TensorData } from '@tamp/recipe';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '@tamp/safetensors';
import { fileSink, fileSource } from '@tamp/safetensors/node';

/** Most bytes of one tensor of samples or of a checkpoint. */
const largestTensor = 2 ** 31;
const descriptionKey = 'description';

/** Values of a tensor as an array that samples and labels can be. */
async function readTensor(file: SafetensorsFile, name: string): Promise<TensorData> {
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

async function withFile<T>(path: string, read: (file: SafetensorsFile) => Promise<T>): Promise<T> {
  const source = await fileSource(path);
  try {
    return await read(await openSafetensors(source));
  } finally {
    await source.close();
  }
}

/** Tensors of a safetensors file by name. */
export async function readTensorsAt(
  path: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, TensorData>> {
  return withFile(path, async (file) => {
    const tensors = new Map<string, TensorData>();
    for (const name of names) tensors.set(name, await readTensor(file, name));
    return tensors;
  });
}

/** A checkpoint file, or undefined when there is none. */
export async function readCheckpointAt(path: string): Promise<CheckpointFile | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  return withFile(path, async (file) => {
    const description = file.metadata.get(descriptionKey);
    if (description === undefined) {
      throw new TampError('is no checkpoint of a training', {
        code: 'usage',
        at: { file: file.label },
        remedy: 'Name another file for training.checkpoint.',
      });
    }
    const tensors = [];
    for (const name of file.tensors.keys()) {
      const { shape, values } = await readTensor(file, name);
      tensors.push({
        name,
        shape,
        values: values instanceof Float32Array ? values : Float32Array.from(values),
      });
    }
    return { tensors, description };
  });
}

/** Writes a checkpoint file under a temporary name and renames it. */
export async function writeCheckpointAt(
  path: string,
  { tensors, description }: CheckpointFile,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeSafetensors(
    await fileSink(path),
    tensors.map(({ name, shape, values }) => ({
      name,
      dtype: 'F32',
      shape,
      data: async function* () {
        yield await readAll(bytesOf(values));
      },
    })),
    { metadata: { [descriptionKey]: description } },
  );
}
