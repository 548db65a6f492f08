import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TampError } from '@tamp/core';
import { type FileSource, fileSource } from '@tamp/core/node';
import type { ModelFolder } from './model-folder.js';

/** A folder on disk; it closes the files that were opened through it. */
export interface DiskFolder extends ModelFolder {
  /** Closes every file that was opened; later reads reject with a `TampError` (`usage`). */
  close(): Promise<void>;
}

/** The model folder at a path. Nothing is opened yet; only names that `list` gives can be opened. */
export function folderAt(path: string): DiskFolder {
  const sources = new Map<string, Promise<FileSource>>();
  let names: Promise<ReadonlySet<string>> | undefined;
  const listed = (): Promise<ReadonlySet<string>> => {
    names ??= readdir(path).then(
      (found) => new Set(found),
      (cause: unknown) => {
        throw new TampError('is no folder that can be read', {
          code: 'io',
          at: { file: path },
          remedy: "Name a model's folder.",
          cause,
        });
      },
    );
    return names;
  };
  return {
    label: path,
    async list() {
      return [...(await listed())];
    },
    async has(name) {
      return (await listed()).has(name);
    },
    async open(name) {
      if (!(await listed()).has(name)) {
        throw new TampError('there is no such file', { code: 'io', at: { file: join(path, name) } });
      }
      const source = sources.get(name) ?? fileSource(join(path, name));
      sources.set(name, source);
      return source;
    },
    async close() {
      // A file that could not be opened was reported when that was tried.
      for (const outcome of await Promise.allSettled(sources.values())) {
        if (outcome.status === 'fulfilled') await outcome.value.close();
      }
    },
  };
}
