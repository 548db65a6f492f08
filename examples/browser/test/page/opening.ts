import { registerCpuBackend } from '@tamp/backend-cpu';
import {
  blobSource,
  createModelRunner,
  type Model,
  type ModelRunner,
  type UrlSourceOptions,
  urlSource,
} from '@tamp/core';
import { openArchive } from '@tamp/export-zip';
import { type ChosenFile, folderOfFiles, openModel } from '@tamp/models';
import * as tf from '@tensorflow/tfjs-core';

/** A model's answer to a fixed input, or the message of the error. */
export type Answer = { readonly logits: readonly number[] } | { readonly error: string };

async function lastLogits(runner: ModelRunner): Promise<number[]> {
  const ids = tf.tensor2d([1, 2, 3, 4], [1, 4], 'int32');
  const { logits } = await runner.run({ input_ids: ids });
  const values = [...(await logits.data())];
  tf.dispose([ids, logits]);
  return values;
}

async function answerOf(open: () => Promise<Model>): Promise<Answer> {
  await tf.setBackend((await registerCpuBackend({ simd: 'baseline' })).name);
  try {
    const runner = createModelRunner(await open());
    const logits = await lastLogits(runner);
    runner.dispose();
    return { logits };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Opens an archive by its address and runs it. */
export function answerFromUrl(url: string, options: UrlSourceOptions = {}): Promise<Answer> {
  return answerOf(async () => openArchive(await urlSource(url, options)));
}

/** Opens an archive that a person has chosen and runs it. */
export function answerFromFile(file: File): Promise<Answer> {
  return answerOf(() => openArchive(blobSource(file)));
}

/** Opens the model folder that a person has chosen and runs it. */
export function answerFromFolder(files: Iterable<ChosenFile>): Promise<Answer> {
  return answerOf(() => openModel(folderOfFiles(files)));
}
