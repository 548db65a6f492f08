import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { TampError } from '@tamp/core';
import { parameterFile } from '@tamp/core/node';
import { closestWord, type RecipeHost } from '@tamp/recipe';
import { diskStorage } from '@tamp/sequential-pipeline/node';
import { checkDestination, checkReplaced } from './check-destination.js';
import { knownModifiers } from './known-modifiers.js';
import { openModelAt } from './open-model.js';
import { openTokenizerAt, tokenizerOf } from './open-tokenizer.js';
import { readTextAt } from './read-text.js';
import { loadModifier, modifierUrl } from './resolve-modifier.js';
import { openRunCheckpoint } from './run-checkpoint.js';
import { beginArchive, stageArchive } from './stage-archive.js';
import { readCheckpointAt, readTensorsAt, writeCheckpointAt } from './tensor-files.js';

/** How files and packages that a recipe names are found in Node. */
export interface NodeHostOptions {
  /** Absolute path of the recipe's folder. */
  readonly folder: string;
}

async function unknownModifier(use: string, folder: string): Promise<TampError> {
  const names = (await knownModifiers(folder)).map(({ name }) => name);
  const near = closestWord(use, names);
  const remedy =
    near === undefined
      ? `Install it beside the recipe (npm install ${use}), or use one of these: ${names.join(', ')}.`
      : `Did you mean ${near}?`;
  return new TampError(`there is no modifier ${use}`, { code: 'usage', remedy });
}

/** Runs recipes with the files and packages of this machine. */
export function createNodeHost(options: NodeHostOptions): RecipeHost {
  const { folder } = options;
  const absolute = (path: string): string => resolve(folder, path);
  return {
    async resolveModifier(use) {
      const url = modifierUrl(use, folder);
      if (url === undefined) throw await unknownModifier(use, folder);
      return loadModifier(use, url);
    },
    openModel: (path) => openModelAt(absolute(path)),
    openTokenizer: (path) => openTokenizerAt(absolute(path)),
    async loadTokenizer(model) {
      return tokenizerOf(model, 'Name the folder of its tokenizer with the key tokenizer.');
    },
    readText: (path) => readTextAt(absolute(path)),
    readTensors: (path, names) => readTensorsAt(absolute(path), names),
    readCheckpoint: (path) => readCheckpointAt(absolute(path)),
    writeCheckpoint: (path, checkpoint) => writeCheckpointAt(absolute(path), checkpoint),
    checkExport({ to }) {
      if (!to.endsWith('.tamp.zip')) {
        throw new TampError(`there is no format for ${to}`, {
          code: 'usage',
          remedy: 'Give it a name that ends in .tamp.zip.',
        });
      }
      checkDestination(absolute(to), to);
    },
    checkReport(path) {
      if (!/\.(html|json)$/.test(path)) {
        throw new TampError(`there is no report format for ${path}`, {
          code: 'usage',
          remedy: 'Give it a name that ends in .html or .json.',
        });
      }
      checkDestination(absolute(path), path);
      checkReplaced(absolute(path), path);
    },
    stageExport: (model, target, exportOptions) =>
      stageArchive(model, absolute(target.to), target, exportOptions),
    beginExport: (target, expectedBytes) => beginArchive(absolute(target.to), target, expectedBytes),
    openScratch: () => diskStorage(tmpdir()),
    openCheckpoint: (key) => openRunCheckpoint(folder, key),
    openParameterStore: () => parameterFile(folder),
    // maxRSS counts kilobytes on every system Node runs on.
    peakMemoryBytes: () => process.resourceUsage().maxRSS * 1024,
  };
}
