import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileError } from './file-error.js';

/**
 * Makes a folder and those above it that are missing; gives the outermost that was made, or undefined when it was
 * there. One after the other: Node's own way goes round for ever in folders that take no new ones (`/proc`). Rejects
 * with a `TampError` (`io`) that names `label`, by default the path.
 */
export async function makeFolder(path: string, label: string = path): Promise<string | undefined> {
  const missing: string[] = [];
  try {
    for (let at = resolve(path); ; at = dirname(at)) {
      const found = await stat(at).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') return undefined;
        throw cause;
      });
      if (found?.isDirectory() === true) break;
      if (found !== undefined) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
      missing.push(at);
    }
    for (const folder of missing.toReversed()) {
      await mkdir(folder).catch((cause: NodeJS.ErrnoException) => {
        // Some file systems have only folders of their own, and say that the one above is missing.
        if (cause.code === 'ENOENT')
          throw Object.assign(new Error('it takes no new ones'), { code: 'EROFS' });
        // Somebody else was faster.
        if (cause.code !== 'EEXIST') throw cause;
      });
    }
  } catch (cause) {
    throw fileError(cause, label, 'the folder cannot be made');
  }
  return missing.at(-1);
}
