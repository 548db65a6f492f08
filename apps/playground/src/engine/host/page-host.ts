import { blobSource, type Model, parametersIn, TampError } from '@tamp/core';
import { loadTokenizer } from '@tamp/models';
import { type CheckpointFile, type RecipeHost, readTensor, suggestWord, type Tokenizer } from '@tamp/recipe';
import { openSafetensors } from '@tamp/safetensors';
import { resolveModifier } from '../modifiers.js';
import type { Workspace } from '../workspace.js';
import type { ArchiveStore } from './archive-store.js';
import { openModelFiles } from './open-model-files.js';
import { beginArchive, type FinishedArchive, type KeepArchive, stageArchive } from './stage-archive.js';

/** A host that keeps what its runs wrote. */
export interface PageHost extends RecipeHost {
  /** Archives of the last run that was completed. */
  readonly archives: readonly FinishedArchive[];
  /** Drops the archives of earlier runs. */
  forgetArchives(): Promise<void>;
}

/** The last part of a path. */
function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Remembers a text's tokens: a recipe is checked again while it is typed, and its texts stay the same. */
function remembering(tokenizer: Tokenizer): Tokenizer {
  const known = new Map<string, Int32Array>();
  return {
    vocabularySize: tokenizer.vocabularySize,
    encode(text) {
      const ids = known.get(text) ?? tokenizer.encode(text);
      known.set(text, ids);
      return ids;
    },
  };
}

/** Runs recipes with the files and modifiers of a page. The model is `./model`, whatever it is called. */
export function createPageHost({ model, files }: Workspace, store: ArchiveStore): PageHost {
  const tokenizers = new Map<string, Promise<Tokenizer>>();
  const checkpoints = new Map<string, CheckpointFile>();
  let written: { readonly archive: FinishedArchive; readonly discard: () => Promise<void> }[] = [];
  const keep: KeepArchive = (archive, discard) => written.push({ archive, discard });

  const fileAt = (path: string, remedy: string): Blob => {
    const file = files.get(baseName(path));
    if (file !== undefined) return file;
    const names = [...files.keys()];
    throw new TampError('there is no such file in this page', {
      code: 'usage',
      at: { file: path },
      remedy: names.length === 0 ? remedy : `${suggestWord(baseName(path), names, 'files')} ${remedy}`,
    });
  };

  return {
    get archives() {
      return written.map(({ archive }) => archive);
    },
    async forgetArchives() {
      const old = written;
      written = [];
      for (const { discard } of old) await discard();
    },
    resolveModifier,
    async openModel(path) {
      const name = baseName(path);
      if (name !== 'model' && name !== model.name) {
        throw new TampError('there is no model of that name in this page', {
          code: 'usage',
          at: { file: path },
          remedy: 'Write ./model: the model that was chosen.',
        });
      }
      return { model: await openModelFiles(model), name: model.name, close: async () => {} };
    },
    async openTokenizer(path) {
      const assets = new Map(
        ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'].flatMap((name) => {
          const file = files.get(name);
          return file === undefined ? [] : [[name, blobSource(file, name)] as const];
        }),
      );
      if (!assets.has('tokenizer.json')) {
        throw new TampError('has no tokenizer.json in this page', {
          code: 'usage',
          at: { file: path },
          remedy: 'Add the file tokenizer.json, or put it into the model’s folder and leave tokenizer out.',
        });
      }
      return { assets, close: async () => {} };
    },
    loadTokenizer(opened: Model) {
      const source = opened.assets.get('tokenizer.json');
      if (source === undefined) {
        throw new TampError('the model has no tokenizer.json', {
          code: 'usage',
          remedy: 'Choose a folder that holds one, or add the file and write tokenizer: . into the recipe.',
        });
      }
      const known = tokenizers.get(source.label) ?? loadTokenizer(opened).then(remembering);
      tokenizers.set(source.label, known);
      return known;
    },
    async readText(path) {
      const file = fileAt(path, 'Add a text file.');
      try {
        return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
      } catch (cause) {
        throw new TampError('is not UTF-8 text', {
          code: 'data',
          at: { file: path },
          remedy: 'Save it as UTF-8.',
          cause,
        });
      }
    },
    async readTensors(path, names) {
      const file = await openSafetensors(blobSource(fileAt(path, 'Add a safetensors file.'), baseName(path)));
      return new Map(
        await Promise.all(names.map(async (name) => [name, await readTensor(file, name)] as const)),
      );
    },
    // A training that was cancelled goes on from here, as long as the page is open.
    readCheckpoint: async (path) => checkpoints.get(path),
    async writeCheckpoint(path, checkpoint) {
      checkpoints.set(path, checkpoint);
    },
    checkExport({ to }) {
      if (to.endsWith('.tamp.zip')) return;
      throw new TampError(`there is no format for ${to}`, {
        code: 'usage',
        remedy: 'Give it a name that ends in .tamp.zip.',
      });
    },
    checkReport(path) {
      if (/\.(html|json)$/.test(path)) return;
      throw new TampError(`there is no report format for ${path}`, {
        code: 'usage',
        remedy: 'Give it a name that ends in .html or .json.',
      });
    },
    stageExport: (result, target, options) => stageArchive(result, target, options, store, keep),
    beginExport: async (target, expectedBytes) => beginArchive(target, expectedBytes, store, keep),
    openParameterStore: async () => parametersIn(await store.create('finished parameters')),
    peakMemoryBytes: () => null,
  };
}
