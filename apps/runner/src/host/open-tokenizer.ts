import { join } from 'node:path';
import { type Model, TampError } from '@tamp/core';
import { type FileSource, fileSource } from '@tamp/core/node';
import { loadTokenizer, type Tokenizer } from '@tamp/models';
import { folderAt } from '@tamp/models/node';
import type { OpenedTokenizer } from '@tamp/recipe';
import { shownPath } from './open-model.js';

const required = 'tokenizer.json';
const optional = ['tokenizer_config.json', 'special_tokens_map.json'];

/** The tokenizer that travels with a model. `remedy` says what to do about a model without one. */
export async function tokenizerOf(model: Model, remedy: string): Promise<Tokenizer> {
  if (model.assets.has(required)) return loadTokenizer(model);
  throw new TampError(`the model has no ${required}`, { code: 'usage', remedy });
}

/** Opens the tokenizer in a folder, named by its absolute path. */
export async function openTokenizerAt(path: string): Promise<OpenedTokenizer> {
  const names = new Set(await folderAt(path).list());
  if (!names.has(required)) {
    throw new TampError(`has no ${required}`, {
      code: 'usage',
      at: { file: shownPath(path) },
      remedy: 'Name a folder that transformers saved with tokenizer.save_pretrained().',
    });
  }
  const assets = new Map<string, FileSource>();
  for (const name of [required, ...optional]) {
    if (names.has(name)) assets.set(name, await fileSource(join(path, name)));
  }
  return {
    assets,
    async close() {
      for (const source of assets.values()) await source.close();
    },
  };
}
