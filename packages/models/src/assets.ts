import { type ByteSource, TampError } from '@tamp/core';
import type { ModelFolder } from './model-folder.js';

/**
 * The files beside config and weights that a model needs or that must go where it goes. Only these names are taken
 * along: a folder may hold anything, and code and other weights never travel.
 */
const assetNames: ReadonlySet<string> = new Set([
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'merges.txt',
  'sentencepiece.bpe.model',
  'special_tokens_map.json',
  'spiece.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
  'vocab.txt',
]);
const licence = /^(LICEN[CS]E|NOTICE|USE_POLICY)(\.(txt|md))?$/i;

const maxAssetBytes = 128 * 2 ** 20;

/** Opens the files that travel with a model; reads nothing. Rejects with a `TampError` when one is too large. */
export async function openAssets(folder: ModelFolder): Promise<ReadonlyMap<string, ByteSource>> {
  const assets = new Map<string, ByteSource>();
  for (const name of [...(await folder.list())].sort()) {
    if (!assetNames.has(name) && !licence.test(name)) continue;
    const source = await folder.open(name);
    if (source.byteLength > maxAssetBytes) {
      throw new TampError(`has ${source.byteLength} bytes, more than the ${maxAssetBytes} allowed`, {
        code: 'format',
        at: { file: source.label },
        remedy: 'Take it out of the folder if the model does not need it.',
      });
    }
    assets.set(name, source);
  }
  return assets;
}
