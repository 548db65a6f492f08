import { type ByteSource, TampError } from '@tamp/core';
import type { ModelFolder } from './model-folder.js';

/** A folder of files that are known by name; each is opened once. */
export function folderOfNames(
  label: string,
  names: Iterable<string>,
  open: (name: string) => ByteSource | Promise<ByteSource>,
): ModelFolder {
  const known = new Set(names);
  const opened = new Map<string, Promise<ByteSource>>();
  return {
    label,
    list: () => Promise.resolve([...known]),
    has: (name) => Promise.resolve(known.has(name)),
    async open(name) {
      if (!known.has(name)) {
        throw new TampError('there is no such file', { code: 'io', at: { file: `${label}/${name}` } });
      }
      const earlier = opened.get(name);
      if (earlier !== undefined) return earlier;
      const source = Promise.resolve(open(name));
      opened.set(name, source);
      return source;
    },
  };
}
