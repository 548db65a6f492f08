import type { Model } from '@tamp/core';
import { blobSource, TampError } from '@tamp/core';
import { openArchive } from '@tamp/export-zip';
import { folderOfNames, foreignFormat, openModel } from '@tamp/models';
import type { ModelFiles } from '../model-files.js';

function openFolder(name: string, files: ReadonlyMap<string, Blob>): Promise<Model> {
  const names = [...files.keys()];
  const foreign = files.has('config.json') ? undefined : foreignFormat(names);
  if (foreign !== undefined || !files.has('config.json')) {
    throw new TampError(
      foreign === undefined
        ? 'is no model folder: it has no config.json'
        : `${foreign} models are not supported`,
      {
        code: 'usage',
        at: { file: name },
        remedy:
          'Choose a folder as transformers saves it (config.json, model.safetensors, tokenizer.json), or a .tamp.zip archive.',
      },
    );
  }
  return openModel(
    folderOfNames(name, names, (file) => blobSource(files.get(file) ?? new Blob(), `${name}/${file}`)),
  );
}

/** Opens a model from the files that a page holds; weights are read when they are first used. */
export async function openModelFiles(model: ModelFiles): Promise<Model> {
  const { name } = model;
  if (model.kind === 'folder') return openFolder(name, model.files);
  const part = async (index: number): Promise<ReturnType<typeof blobSource>> => {
    const blob = model.parts[index];
    if (blob !== undefined) return blobSource(blob, index === 0 ? name : `${name}, part ${index}`);
    throw new TampError(`part ${index} of the archive is missing`, {
      code: 'usage',
      at: { file: name },
      remedy: 'Choose all parts of the archive together.',
    });
  };
  return openArchive(await part(0), { openPart: part });
}
