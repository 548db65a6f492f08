import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TampError } from '@tamp/core';
import { fileError } from '@tamp/core/node';
import type { ValueStorage } from './value-storage.js';

/** What a failed write of intermediates means to the reader, beyond what the system says. */
function writeError(cause: unknown, path: string): TampError {
  const error = fileError(cause, path, 'cannot keep intermediate values');
  return new TampError(error.problem, {
    code: error.code,
    at: error.at,
    remedy:
      `${error.remedy ?? ''} Intermediates can also be kept in memory, or made smaller with fewer calibration windows.`.trimStart(),
    cause,
  });
}

/**
 * Keeps intermediate values as files in a folder of its own below `folder`, which must exist; `close` removes it.
 * Rejects with a `TampError` (`io`) when the disk is full or cannot be written to.
 */
export async function diskStorage(folder: string): Promise<ValueStorage> {
  const own = await mkdtemp(join(folder, 'intermediates-')).catch((cause: unknown) => {
    throw writeError(cause, folder);
  });
  const pathOf = (key: number): string => join(own, `${key}.bin`);
  let next = 0;
  return {
    async save(bytes) {
      const key = next++;
      const path = pathOf(key);
      try {
        await writeFile(path, bytes);
      } catch (cause) {
        // Half a file would only take up the space that is short.
        await rm(path, { force: true }).catch(() => undefined);
        throw writeError(cause, own);
      }
      return key;
    },
    async load(key) {
      try {
        return await readFile(pathOf(key));
      } catch (cause) {
        throw fileError(cause, pathOf(key), 'cannot be read');
      }
    },
    async remove(key) {
      await rm(pathOf(key), { force: true });
    },
    async close() {
      await rm(own, { recursive: true, force: true });
    },
  };
}
