import { TampError } from '@tamp/core';
import { damagedRemedy } from '../archive-format.js';
import { sha256 } from '../checksum/sha256.js';
import { joinPlanes } from '../compression/byte-planes.js';
import type { NumberWidth } from '../compression/compress.js';
import { type LocatedEntry, readEntry } from '../zip/read-entry.js';

/** An entry that the manifest vouches for. */
export interface VerifiedEntry extends LocatedEntry {
  readonly sha256: string;
  readonly planes: NumberWidth;
}

/** Reads entries, verifies them, and keeps a bounded amount of those that are likely to be read again. */
export interface EntryReader {
  /**
   * The bytes an entry stands for, planes joined. `keep`: it is read in part, so the rest is probably wanted soon.
   * Do not write to the result. Throws a `TampError` (`format`) when the digest differs.
   */
  read(entry: VerifiedEntry, keep: boolean): Promise<Uint8Array>;
}

async function readVerified(entry: VerifiedEntry): Promise<Uint8Array> {
  const contents = await readEntry(entry);
  if ((await sha256(contents)) !== entry.sha256) {
    throw new TampError(`the entry ${entry.entry.name} does not have the SHA-256 the manifest gives`, {
      code: 'format',
      at: { file: entry.part.label },
      remedy: damagedRemedy,
    });
  }
  return entry.planes === 1 ? contents : joinPlanes(contents, entry.planes);
}

/** A reader that keeps at most `cacheBytes` of contents, least recently used first to go. */
export function createEntryReader(cacheBytes: number): EntryReader {
  const kept = new Map<VerifiedEntry, Uint8Array>();
  const underway = new Map<VerifiedEntry, Promise<Uint8Array>>();
  let held = 0;

  const store = (entry: VerifiedEntry, bytes: Uint8Array): void => {
    if (bytes.byteLength > cacheBytes || kept.has(entry)) return;
    kept.set(entry, bytes);
    held += bytes.byteLength;
    for (const [oldest, contents] of kept) {
      if (held <= cacheBytes) break;
      kept.delete(oldest);
      held -= contents.byteLength;
    }
  };

  return {
    async read(entry, keep) {
      const known = kept.get(entry);
      if (known !== undefined) {
        kept.delete(entry);
        kept.set(entry, known);
        return known;
      }
      let reading = underway.get(entry);
      if (reading === undefined) {
        reading = readVerified(entry).finally(() => underway.delete(entry));
        underway.set(entry, reading);
      }
      const bytes = await reading;
      if (keep) store(entry, bytes);
      return bytes;
    },
  };
}
