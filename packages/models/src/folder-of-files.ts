import { blobSource, TampError } from '@tamp/core';
import { folderOfNames } from './folder-of-names.js';
import type { ModelFolder } from './model-folder.js';

/** A file that a page got from a person: a `File`. */
export interface ChosenFile extends Blob {
  readonly name: string;
  /** Where the file lies in a chosen folder, that folder's name first; empty for files chosen one by one. */
  readonly webkitRelativePath?: string;
}

/** The folder that a file lies in, relative to what was chosen. */
function folderName({ webkitRelativePath = '' }: ChosenFile): string {
  return webkitRelativePath.slice(0, Math.max(0, webkitRelativePath.lastIndexOf('/')));
}

/**
 * The model folder that was dropped on a page or chosen in it: the files of `<input type="file" webkitdirectory>`, of
 * `<input type="file" multiple>`, or `File`s from elsewhere. Nothing is read yet. Of nested folders, the one nearest to
 * the top that has a `config.json` counts, and only the files directly in it.
 *
 * @throws TampError (`usage`) when there are no files, or two of the same name in one folder
 */
export function folderOfFiles(files: Iterable<ChosenFile>): ModelFolder {
  const all = [...files];
  if (all.length === 0) {
    throw new TampError('no file was chosen', {
      code: 'usage',
      remedy: "Choose or drop a model's folder, with config.json and its safetensors files.",
    });
  }
  const folders = all
    .filter(({ name }) => name === 'config.json')
    .map(folderName)
    .sort((a, b) => a.split('/').length - b.split('/').length || a.length - b.length);
  const folder = folders.at(0) ?? folderName(all[0]);
  const label = folder === '' ? 'the chosen files' : folder;
  const byName = new Map<string, ChosenFile>();
  for (const file of all) {
    if (folderName(file) !== folder) continue;
    if (byName.has(file.name)) {
      throw new TampError(`two of the chosen files are named ${file.name}`, {
        code: 'usage',
        at: { file: label },
        remedy: 'Choose the files of one model.',
      });
    }
    byName.set(file.name, file);
  }
  return folderOfNames(label, byName.keys(), (name) => {
    const file = byName.get(name);
    if (file === undefined) throw new TampError(`lost the file ${name}`, { code: 'internal' });
    return blobSource(file, name);
  });
}
