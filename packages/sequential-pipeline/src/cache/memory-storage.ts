import { TampError } from '@tamp/core';
import type { ValueStorage } from './value-storage.js';

/** Keeps intermediate values in memory. */
export function memoryStorage(): ValueStorage {
  const held = new Map<number, Uint8Array>();
  let next = 0;
  return {
    async save(bytes) {
      held.set(next, bytes);
      return next++;
    },
    async load(key) {
      const bytes = held.get(key);
      if (bytes === undefined)
        throw new TampError(`no intermediate has the key ${key}`, { code: 'internal' });
      return bytes;
    },
    async remove(key) {
      held.delete(key);
    },
    async close() {
      held.clear();
    },
  };
}
