import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesOf, readAll, TampError } from '@tamp/core';
import { makeFolder } from '@tamp/core/node';
import { type CheckpointFile, readTensor, type TensorData } from '@tamp/recipe';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '@tamp/safetensors';
import { fileSink, fileSource } from '@tamp/safetensors/node';

const descriptionKey = 'description';

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
  await makeFolder(dirname(path));
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
