import { TampError } from '@tamp/core';
import { damagedRemedy } from '../archive-format.js';
import type { LocatedEntry } from '../zip/read-entry.js';

/** The entries of all parts, from which those that the manifest lists are taken out. */
export interface EntryTable {
  /** Takes out the entry of that name. Throws a `TampError` (`format`) when it is missing or has another size. */
  take(name: string, bytes: number): LocatedEntry;
  /** Throws a `TampError` (`format`) when an entry is left. */
  checkEmpty(): void;
}

function refuse(file: string, problem: string): never {
  throw new TampError(problem, { code: 'format', at: { file }, remedy: damagedRemedy });
}

/** A table of the given entries; two of one name are refused. `file` is the first part, for errors. */
export function createEntryTable(file: string, entries: readonly LocatedEntry[]): EntryTable {
  const left = new Map<string, LocatedEntry>();
  for (const located of entries) {
    const { name } = located.entry;
    if (left.has(name)) refuse(located.part.label, `the entry ${name} is there twice`);
    left.set(name, located);
  }
  return {
    take(name, bytes) {
      const located = left.get(name);
      if (located === undefined) return refuse(file, `lacks the entry ${name}`);
      if (located.entry.bytes !== bytes) {
        refuse(located.part.label, `the entry ${name} has ${located.entry.bytes} bytes, not ${bytes}`);
      }
      left.delete(name);
      return located;
    },
    checkEmpty() {
      const [rest] = left.values();
      if (rest !== undefined) {
        refuse(rest.part.label, `holds an entry ${rest.entry.name} that the manifest does not list`);
      }
    },
  };
}
