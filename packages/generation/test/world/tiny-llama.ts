import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Model, type ModifierDefinition, runDataFree } from '@tamp/core';
import { exportArchive, openArchiveFile } from '@tamp/export-zip/node';
import { fixturePath } from '@tamp/fixtures';
import int8Linear from '@tamp/int8-linear';
import { loadTokenizer, type Tokenizer } from '@tamp/models';
import { openModelFolder } from '@tamp/models/node';
import weightOnly from '@tamp/weight-only';

/** tiny-llama as its folder holds it, and from archives. */
export const forms = ['float', 'W8A8', 'W4A16'] as const;
export type Form = (typeof forms)[number];

/** An opened model. */
export interface Opened {
  readonly model: Model;
  close(): Promise<void>;
}

/** tiny-llama and archives of it in a temporary folder. */
export interface TinyLlama {
  readonly tokenizer: Tokenizer;
  open(form: Form): Promise<Opened>;
  /** Path of an archive, or of the folder. */
  path(form: Form): string;
  remove(): void;
}

/** Compresses tiny-llama on the current backend into archives. */
export async function tinyLlama(): Promise<TinyLlama> {
  const source = fixturePath('tiny-llama');
  const folder = mkdtempSync(join(tmpdir(), 'tamp-generation-'));
  const path = (form: Form): string => (form === 'float' ? source : join(folder, `${form}.tamp.zip`));
  const opened = await openModelFolder(source);
  const write = async <Options>(
    form: Form,
    definition: ModifierDefinition<Options>,
    options: unknown,
  ): Promise<void> => {
    const modifier = definition.create(definition.options.parse(options));
    const { model } = await runDataFree(opened.model, [{ name: definition.name, modifier }]);
    await exportArchive(model, path(form));
  };
  await write('W8A8', int8Linear, { ignore: ['lm_head'] });
  await write('W4A16', weightOnly, { ignore: ['lm_head'], weights: { bits: 4, groupSize: 64 } });
  const tokenizer = await loadTokenizer(opened.model);
  await opened.close();
  return {
    tokenizer,
    path,
    open: (form) => (form === 'float' ? openModelFolder(source) : openArchiveFile(path(form))),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
