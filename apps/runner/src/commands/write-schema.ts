import { dirname } from 'node:path';
import { fillSink } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import { editorSchema } from '@tamp/recipe';
import { knownModifiers } from '../host/known-modifiers.js';

/** The JSON schema of recipes in a folder, as text; it knows the modifiers that are installed there and tamp's own. */
export async function schemaText(folder: string): Promise<string> {
  return `${JSON.stringify(editorSchema(await knownModifiers(folder)), null, 2)}\n`;
}

/** Writes a text file under its name only when it is complete. */
export async function writeTextFile(path: string, text: string): Promise<void> {
  await fillSink(await fileSink(path), (sink) => sink.write(new TextEncoder().encode(text)));
}

/** Writes the JSON schema for the recipes beside it. */
export async function writeSchema(path: string): Promise<void> {
  await writeTextFile(path, await schemaText(dirname(path)));
}
