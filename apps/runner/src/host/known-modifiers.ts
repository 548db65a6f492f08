import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isTampError, type ModifierDefinition } from '@tamp/core';
import { loadModifier, modifierUrl } from './resolve-modifier.js';

/** How the packages of modifiers are named, ours and others'. */
const modifierPackage = /^(@tamp\/|(@[^/]+\/)?tamp-modifier-)/;

/** Names that a package.json mentions: itself and what it depends on. */
function namesIn(text: string): readonly string[] {
  const json: unknown = JSON.parse(text);
  if (typeof json !== 'object' || json === null) return [];
  const { name, dependencies, devDependencies, peerDependencies } = json as Readonly<Record<string, unknown>>;
  const lists = [dependencies, devDependencies, peerDependencies].flatMap((list) =>
    typeof list === 'object' && list !== null ? Object.keys(list) : [],
  );
  return typeof name === 'string' ? [name, ...lists] : lists;
}

/** The nearest package.json at or above a folder. */
async function nearestManifest(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      return await readFile(join(at, 'package.json'), 'utf8');
    } catch {
      if (dirname(at) === at) return undefined;
    }
  }
}

/** Packages that may be modifiers: those that the folder's package and tamp itself depend on. */
async function candidates(folder: string): Promise<readonly string[]> {
  const own = await nearestManifest(dirname(fileURLToPath(import.meta.url)));
  const theirs = await nearestManifest(folder);
  const names = [own, theirs].flatMap((text) => {
    try {
      return text === undefined ? [] : namesIn(text);
    } catch {
      // A package.json that is no JSON is npm's to complain about.
      return [];
    }
  });
  return [...new Set(names)].filter((name) => modifierPackage.test(name)).sort();
}

/** Every modifier that recipes in a folder can use by name and that works. Loads the packages. */
export async function knownModifiers(folder: string): Promise<readonly ModifierDefinition[]> {
  const found: ModifierDefinition[] = [];
  for (const name of await candidates(folder)) {
    try {
      const url = modifierUrl(name, folder);
      if (url !== undefined) found.push(await loadModifier(name, url));
    } catch (error) {
      // Other packages of ours export no modifier; a broken one is reported when a recipe uses it.
      if (!isTampError(error)) throw error;
    }
  }
  return found;
}
