import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModifierDefinition, runDataFree } from '@tamp/core';
import { exportArchive } from '@tamp/export-zip/node';
import { fixturePath } from '@tamp/fixtures';
import { fullTests } from '@tamp/fixtures/full-tests';
import int8Linear from '@tamp/int8-linear';
import { loadTokenizer } from '@tamp/models';
import { openModelFolder } from '@tamp/models/node';
import { cutWindows, type TextWindows } from '@tamp/recipe';
import weightOnly from '@tamp/weight-only';

/** A software GPU takes some seconds for a window. */
const windows = fullTests ? 16 : 2;

/** An archive that was written for a test. */
export interface TestArchive {
  readonly name: 'W8A8' | 'W4A16';
  readonly path: string;
}

/** tiny-llama compressed, in files of a temporary folder, and the windows its quality is measured on. */
export interface TinyLlamaArchives {
  readonly folder: string;
  readonly archives: readonly TestArchive[];
  readonly windows: TextWindows;
}

/** Compresses tiny-llama on the current backend. The caller removes the folder. */
export async function writeTinyLlamaArchives(): Promise<TinyLlamaArchives> {
  const folder = mkdtempSync(join(tmpdir(), 'tamp-webgpu-'));
  const opened = await openModelFolder(fixturePath('tiny-llama'));
  const write = async <Options>(
    name: TestArchive['name'],
    definition: ModifierDefinition<Options>,
    options: unknown,
  ): Promise<TestArchive> => {
    const modifier = definition.create(definition.options.parse(options));
    const { model } = await runDataFree(opened.model, [{ name: definition.name, modifier }]);
    const path = join(folder, `${name}.tamp.zip`);
    await exportArchive(model, path);
    return { name, path };
  };
  try {
    const text = readFileSync(fixturePath('tiny-llama', 'eval.txt'), 'utf8');
    const ids = (await loadTokenizer(opened.model)).encode(text);
    return {
      folder,
      archives: [
        await write('W8A8', int8Linear, { ignore: ['lm_head'] }),
        await write('W4A16', weightOnly, { ignore: ['lm_head'], weights: { bits: 4, groupSize: 64 } }),
      ],
      windows: cutWindows(ids, { sequenceLength: 256, count: windows, file: 'eval.txt' }),
    };
  } finally {
    await opened.close();
  }
}
