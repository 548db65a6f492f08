import { dirname, resolve } from 'node:path';
import { type PreparedRecipe, type PrepareOptions, prepareRecipe, type RecipeHost } from '@tamp/recipe';
import { createNodeHost } from '../host/node-host.js';
import { readTextAt } from '../host/read-text.js';

/** A recipe file that was read and checked, and the host it was checked with. */
export interface LoadedRecipe {
  readonly prepared: PreparedRecipe;
  readonly host: RecipeHost;
  /** Absolute path of the recipe's folder. */
  readonly folder: string;
}

/** Reads and checks a recipe file. The caller closes `prepared`. Rejects with a `TampError`. */
export async function loadRecipe(path: string, options: PrepareOptions = {}): Promise<LoadedRecipe> {
  const absolute = resolve(path);
  const folder = dirname(absolute);
  const host = createNodeHost({ folder });
  const prepared = await prepareRecipe(await readTextAt(absolute), path, host, options);
  return { prepared, host, folder };
}
