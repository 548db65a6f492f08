import { type ByteSource, TampError } from '@tamp/core';
import { damagedRemedy } from '../archive-format.js';
import { inflate } from '../compression/inflate.js';
import { localBytes, localHeader, sameBytes, type ZipEntry } from './entry-headers.js';

/** An entry and the part it lies in. */
export interface LocatedEntry {
  readonly part: ByteSource;
  readonly entry: ZipEntry;
}

/**
 * Reads an entry and gives its contents, inflated; the digest is the caller's to check, and so is that `entry.bytes`
 * may be allocated. Throws a `TampError` (`format`) when the local header differs from the central one or the data
 * does not give exactly the declared number of bytes.
 */
export async function readEntry({ part, entry }: LocatedEntry): Promise<Uint8Array> {
  const refuse = (problem: string): never => {
    throw new TampError(`the entry ${entry.name} ${problem}`, {
      code: 'format',
      at: { file: part.label },
      remedy: damagedRemedy,
    });
  };
  const whole = await part.read(entry.offset, entry.offset + localBytes(entry));
  const header = localHeader(entry);
  if (!sameBytes(header, whole.subarray(0, header.length))) {
    refuse('has a header that differs from the central directory');
  }
  const data = whole.subarray(header.length);
  if (entry.method === 0) return data;
  return inflate(data, entry.bytes) ?? refuse(`does not inflate to its ${entry.bytes} bytes`);
}
