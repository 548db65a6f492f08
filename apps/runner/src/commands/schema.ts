import { resolve } from 'node:path';
import { exitCodes } from '../exit-codes.js';
import { shownPath } from '../host/open-model.js';
import type { CommandContext } from './command-context.js';
import { schemaText, writeSchema } from './write-schema.js';

/** Options of `tamp schema`. */
export interface SchemaCommandOptions {
  readonly stdout?: boolean;
}

/** Writes the JSON schema that editors check recipes with; resolves with the exit code. */
export async function schemaCommand(
  path: string,
  options: SchemaCommandOptions,
  { terminal }: CommandContext,
): Promise<number> {
  if (options.stdout === true) {
    terminal.result((await schemaText(process.cwd())).trimEnd());
    return exitCodes.done;
  }
  const absolute = resolve(path);
  await writeSchema(absolute);
  terminal.say(`Written: ${shownPath(absolute)}`);
  terminal.say(
    `First line of a recipe beside it: # yaml-language-server: $schema=./${path.split(/[\\/]/).at(-1)}`,
  );
  return exitCodes.done;
}
