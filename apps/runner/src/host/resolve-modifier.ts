import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { coreStamp, type ModifierDefinition, TampError } from '@tamp/core';
import { resolve } from 'import-meta-resolve';

/** Packages that hold state: a run works only if everybody uses the same copy. */
const shared = ['@tamp/core', '@tensorflow/tfjs-core'];

const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*(\/[\w.-]+)*$/i;
const relativePath = /^\.{1,2}\//;

/** Where a specifier leads from a module, by Node's rules for `import`; undefined where there is no such package. */
function tryResolve(specifier: string, parent: string): string | undefined {
  try {
    return resolve(specifier, parent);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function locate(use: string, folder: string): string | undefined {
  const parent = pathToFileURL(join(folder, 'recipe.yaml')).href;
  const relative = relativePath.test(use);
  let found: string | undefined;
  try {
    found = tryResolve(use, parent) ?? (relative ? undefined : tryResolve(use, import.meta.url));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new TampError(`the package ${use} cannot be imported: ${what}`, {
      code: 'usage',
      remedy: 'Its package.json needs an exports entry for import or default.',
      cause,
    });
  }
  // Node's own modules (`fs`) are no modifiers.
  if (!found?.startsWith('file:')) return undefined;
  const path = fileURLToPath(found);
  if (existsSync(path)) return found;
  if (relative) return undefined;
  throw new TampError(`the package ${use} is installed, but its file ${path} is missing`, {
    code: 'usage',
    remedy: 'Install it again, or build it if it is yours.',
  });
}

function refuseSecondCopies(use: string, url: string): void {
  for (const name of shared) {
    const theirs = tryResolve(name, url);
    const ours = tryResolve(name, import.meta.url);
    if (theirs === undefined || theirs === ours) continue;
    throw secondCopy(use, name, fileURLToPath(theirs));
  }
}

function secondCopy(use: string, name: string, path?: string): TampError {
  const where = path === undefined ? '' : ` (${path})`;
  return new TampError(`${use} brings a copy of ${name} of its own${where}, and there can be only one`, {
    code: 'usage',
    remedy: `Make ${name} a peer dependency of ${use}, and install ${use} beside tamp so that npm shares one copy.`,
  });
}

/** Whether a value has the form of a modifier; its stamp is another matter. */
function looksLikeModifier(value: unknown): value is ModifierDefinition {
  if (typeof value !== 'object' || value === null) return false;
  const { name, options, create, core } = value as Partial<Record<keyof ModifierDefinition, unknown>>;
  return (
    typeof name === 'string' &&
    typeof options === 'object' &&
    options !== null &&
    'safeParse' in options &&
    typeof create === 'function' &&
    typeof core === 'object' &&
    core !== null &&
    'package' in core &&
    core.package === coreStamp.package
  );
}

/** Where a modifier's package leads from a folder, or `undefined` when there is none. */
export function modifierUrl(use: string, folder: string): string | undefined {
  return packageName.test(use) || relativePath.test(use) ? locate(use, folder) : undefined;
}

/**
 * The modifier at a URL that {@link modifierUrl} gave. Runs the package's code. Rejects with a `TampError` (`usage`)
 * when the package cannot be loaded, exports no modifier, or brings a second copy of what must exist once.
 */
export async function loadModifier(use: string, url: string): Promise<ModifierDefinition> {
  refuseSecondCopies(use, url);
  let loaded: unknown;
  try {
    const module: { readonly default?: unknown } = await import(url);
    loaded = module.default;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new TampError(`the package ${use} cannot be loaded: ${what}`, {
      code: 'usage',
      remedy: 'Install it again with its dependencies, or report this to its author.',
      cause,
    });
  }
  if (!looksLikeModifier(loaded)) {
    throw new TampError(`the default export of ${use} is no modifier`, {
      code: 'usage',
      remedy: 'Name a package whose default export comes from defineModifier() of @tamp/core.',
    });
  }
  if (loaded.core !== coreStamp) throw secondCopy(use, '@tamp/core');
  return loaded;
}
