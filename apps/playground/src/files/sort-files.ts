import { partName } from '@tamp/export-zip';
import type { ModelFiles } from '../engine/model-files.js';
import { baseName, folderOf, type NamedFile } from './named-file.js';

/** What a drop or a choice of files holds. */
export interface SortedFiles {
  /** Absent when there are only texts and samples. */
  readonly model?: ModelFiles;
  /** Files that recipes can name. */
  readonly files: ReadonlyMap<string, Blob>;
}

/** What recipes may name beside texts, unless it is the model's own: samples, and a tokenizer for a model without. */
const besideModel = /\.safetensors$|^tokenizer.*\.json$/;

/** Names that say nothing of a model. */
const unnamed = 'chosen files';

function archiveOf(list: readonly NamedFile[]): ModelFiles | undefined {
  const archives = new Map(
    list.filter(({ path }) => path.endsWith('.tamp.zip')).map(({ path, file }) => [baseName(path), file]),
  );
  const first = [...archives.keys()].find((name) => !/\.part-\d+\.tamp\.zip$/.test(name));
  if (first === undefined) return undefined;
  const parts: Blob[] = [];
  for (let index = 0; ; index++) {
    const part = archives.get(partName(first, index));
    if (part === undefined) return { kind: 'archive', name: first, parts };
    parts.push(part);
  }
}

function folderWith(list: readonly NamedFile[], folder: string): ModelFiles {
  const inside = list.filter(({ path }) => folderOf(path) === folder);
  return {
    kind: 'folder',
    name: folder === '' ? unnamed : baseName(folder),
    files: new Map(inside.map(({ path, file }) => [baseName(path), file])),
  };
}

/**
 * Finds the model among files: the outermost folder with a config.json, else an archive, else, so that it can be said
 * what is wrong with it, any folder of other files. Texts and tensors beside the model are files for recipes.
 */
export function sortFiles(list: readonly NamedFile[]): SortedFiles {
  const configs = list
    .filter(({ path }) => baseName(path) === 'config.json')
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length);
  const [config] = configs;
  const modelFolder = config === undefined ? undefined : folderOf(config.path);
  const named = list.filter(({ path }) => {
    const name = baseName(path);
    return name.endsWith('.txt') || (folderOf(path) !== modelFolder && besideModel.test(name));
  });
  const files = new Map(named.map(({ path, file }) => [baseName(path), file]));
  if (modelFolder !== undefined) return { model: folderWith(list, modelFolder), files };
  const archive = archiveOf(list);
  if (archive !== undefined) return { model: archive, files };
  const [other] = list.filter((one) => !named.includes(one));
  return other === undefined ? { files } : { model: folderWith(list, folderOf(other.path)), files };
}
