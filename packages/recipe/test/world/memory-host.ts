import { bytesOf, type Model, type ModifierDefinition, TampError } from '@tamp/core';
import { type Artifact, type RecipeHost, suggestWord } from '../../src/index.js';
import { countingModifier, defective, halve, misshapen, poison, trained } from './modifiers.js';
import { imageModel, tinyModel, vocabulary } from './tiny-model.js';

/** A host without files: models, texts and modifiers by name. */
export interface MemoryHost extends RecipeHost {
  /** What was committed, by path. */
  readonly written: ReadonlyMap<string, Model>;
  /** Exports that are neither committed nor discarded. */
  readonly staged: ReadonlySet<string>;
  /** Models that are open. */
  readonly open: ReadonlySet<string>;
  /** Sizes of the values that the modifier @test/count saw. */
  readonly seen: readonly number[];
}

/** Bytes that an export of the test's model has. */
export const exportBytes = 1000;

const missing = (what: string, remedy: string): TampError => new TampError(what, { code: 'io', remedy });

/** One letter is one token, `a` the first; `z` is a token that the model does not know. */
export function memoryHost(): MemoryHost {
  const counting = countingModifier();
  const modifiers = new Map<string, ModifierDefinition>(
    [halve, counting.definition, trained, defective, poison, ...misshapen].map((each) => [each.name, each]),
  );
  const models = new Map<string, Model>([
    ['model', tinyModel()],
    ['images', imageModel()],
  ]);
  const texts = new Map([
    ['eval.txt', 'abcdefghijklmnop'.repeat(10)],
    ['short.txt', 'abc'],
    ['empty.txt', ''],
    ['foreign.txt', 'zzzzzzzzzzzzzzzz'],
  ]);
  const written = new Map<string, Model>();
  const staged = new Set<string>();
  const open = new Set<string>();
  return {
    written,
    staged,
    open,
    seen: counting.seen,
    async resolveModifier(use) {
      const found = modifiers.get(use);
      if (found !== undefined) return found;
      throw new TampError(`there is no modifier ${use}`, {
        code: 'usage',
        remedy: suggestWord(use, [...modifiers.keys()], 'modifiers'),
      });
    },
    async openModel(path) {
      const model = models.get(path);
      if (model === undefined) throw missing(`there is no model at ${path}`, 'Name a model folder.');
      open.add(path);
      return {
        model,
        name: `/models/${path}`,
        async close() {
          open.delete(path);
        },
      };
    },
    async openTokenizer(path) {
      if (path !== 'tokenizer') throw missing(`there is no tokenizer at ${path}`, 'Name its folder.');
      open.add(path);
      return {
        assets: new Map([['tokenizer.json', bytesOf(new Uint8Array(2))]]),
        async close() {
          open.delete(path);
        },
      };
    },
    async readTensors(path, names) {
      throw missing(`there are no tensors ${names.join(', ')} at ${path}`, 'Name a safetensors file.');
    },
    readCheckpoint: async () => undefined,
    writeCheckpoint: async () => undefined,
    async loadTokenizer() {
      return {
        encode: (text) => Int32Array.from(text, (letter) => letter.charCodeAt(0) - 97),
        vocabularySize: vocabulary,
      };
    },
    async readText(path) {
      const text = texts.get(path);
      if (text === undefined) throw missing(`there is no text ${path}`, 'Name a text file.');
      return text;
    },
    checkExport({ to }) {
      if (to.endsWith('.tamp.zip')) return;
      throw new TampError(`there is no format for ${to}`, { code: 'usage', remedy: 'Write .tamp.zip.' });
    },
    checkReport(path) {
      if (/\.(html|json)$/.test(path)) return;
      throw new TampError(`there is no report format for ${path}`, { code: 'usage', remedy: 'Write .html.' });
    },
    async stageExport(model, { to }, { onProgress }) {
      staged.add(to);
      onProgress?.(exportBytes, exportBytes);
      const artifacts: Artifact[] = [{ path: to, bytes: exportBytes }];
      return {
        artifacts,
        async commit() {
          staged.delete(to);
          written.set(to, model);
        },
        async discard() {
          staged.delete(to);
        },
      };
    },
    peakMemoryBytes: () => null,
  };
}
