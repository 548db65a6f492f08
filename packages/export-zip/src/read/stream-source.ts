import { type ByteSource, checkRange, type ErrorLocation, isTampError, TampError } from '@tamp/core';
import type { EntryReader, VerifiedEntry } from './entry-reader.js';

/** Where a stream lies: entries in a row of `chunk` bytes each (the last may be shorter), or a part of one entry. */
export interface StreamLocation {
  readonly label: string;
  /** What errors name besides the file. */
  readonly at: ErrorLocation;
  readonly bytes: number;
  readonly entries: readonly VerifiedEntry[];
  /** Where the stream starts in its only entry; 0 for several. */
  readonly offset: number;
  readonly chunk: number;
}

function allocate(at: ErrorLocation, bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new TampError(`there is no memory for ${bytes} bytes at once`, {
      code: 'data',
      at,
      remedy: 'Read it in smaller ranges.',
      cause,
    });
  }
}

/** A stream of the archive as a byte source: a read touches only the entries its range lies in, and verifies them. */
export function streamSource(stream: StreamLocation, reader: EntryReader): ByteSource {
  const { label, at, bytes: byteLength, entries, offset, chunk } = stream;
  /** All bytes of an entry of which `size` are wanted. */
  const contentsOf = async (entry: VerifiedEntry, size: number): Promise<Uint8Array> => {
    try {
      return await reader.read(entry, size < entry.entry.bytes);
    } catch (error) {
      throw isTampError(error) ? error.located(at) : error;
    }
  };
  const source: ByteSource = {
    label,
    byteLength,
    async read(start, end) {
      checkRange(source, start, end);
      if (start === end) {
        // An empty file still has an entry, and that is verified when the file is read.
        if (byteLength === 0 && entries.length > 0) await contentsOf(entries[0], 0);
        return new Uint8Array(0);
      }
      const first = Math.floor(start / chunk);
      const last = Math.ceil(end / chunk) - 1;
      // A whole entry is handed over as it is. A part is copied: it would hold all of the entry in memory.
      if (first === last) {
        const from = offset + start - first * chunk;
        const size = end - start;
        const contents = await contentsOf(entries[first], size);
        return size === contents.length ? contents : contents.slice(from, from + size);
      }
      const result = allocate(at, end - start);
      for (let index = first; index <= last; index++) {
        const from = Math.max(start, index * chunk);
        const to = Math.min(end, (index + 1) * chunk, byteLength);
        const contents = await contentsOf(entries[index], to - from);
        result.set(contents.subarray(from - index * chunk, to - index * chunk), from - start);
      }
      return result;
    },
  };
  return source;
}
