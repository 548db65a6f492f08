import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TampError } from '@tamp/core';
import { makeFolder } from '@tamp/core/node';
import { exitCodes } from '../exit-codes.js';
import { shownPath } from '../host/open-model.js';
import type { CommandContext } from './command-context.js';
import { writeSchema, writeTextFile } from './write-schema.js';

/** Options of `tamp init`. */
export interface InitCommandOptions {
  /** The model's path, relative to the recipe. */
  readonly model: string;
  readonly force?: boolean;
}

const recipeName = 'recipe.yaml';
const schemaName = 'tamp.schema.json';

function recipeText(model: string): string {
  return `# yaml-language-server: $schema=./${schemaName}

# A folder as Hugging Face's transformers saves it, or a .tamp.zip archive.
model: ${JSON.stringify(model)}

# Quality is measured on this text before and after. Take it out to skip that.
data:
  evaluation: { text: eval.txt, sequenceLength: 256 }

# What to do, in this order. Any npm package that exports a modifier can stand here.
modifiers:
  - use: "@tamp/weight-only"
    targets: [linear]
    ignore: [lm_head]
    weights: { bits: 4, groupSize: 64, symmetric: true }

export:
  - to: out/model.tamp.zip

report: out/report.html

# What the run must keep; exit code 3 when it does not.
gates:
  perplexityIncrease: 0.05
`;
}

/** Writes an example recipe and the schema for editors into a folder; resolves with the exit code. */
export async function initCommand(
  folder: string,
  options: InitCommandOptions,
  { terminal }: CommandContext,
): Promise<number> {
  const absolute = resolve(folder);
  const recipe = join(absolute, recipeName);
  if (options.force !== true && existsSync(recipe)) {
    throw new TampError('is there already', {
      code: 'usage',
      at: { file: shownPath(recipe) },
      remedy: 'Use another folder, or --force to write over it.',
    });
  }
  await makeFolder(absolute, shownPath(absolute));
  await writeSchema(join(absolute, schemaName));
  await writeTextFile(recipe, recipeText(options.model));
  terminal.say(`Written: ${shownPath(recipe)} and ${schemaName} beside it`);
  terminal.say(`Next: edit it, then tamp validate ${shownPath(recipe)}, then tamp run ${shownPath(recipe)}`);
  return exitCodes.done;
}
