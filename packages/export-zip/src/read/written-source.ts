import { type ByteSource, checkRange } from '@tamp/core';
import type { Stream } from '../layout/encoding.js';
import { chunkCount } from '../manifest/check-manifest.js';
import type { StreamWriter } from '../write/stream-writer.js';
import type { EntryReader, VerifiedEntry } from './entry-reader.js';
import { streamSource } from './stream-source.js';

/**
 * A stream that was given to `streams` to be written, as a source: read from memory while it is gathered with others,
 * then from its entries, which `entryAt` gives once they are written, and verified.
 */
export function writtenSource(
  layer: string,
  stream: Stream,
  streams: StreamWriter,
  entryAt: (index: number) => Promise<VerifiedEntry>,
  reader: EntryReader,
): ByteSource {
  const { bytes, entry = 0, offset = 0, chunk } = stream;
  const entriesOf = (): Promise<readonly VerifiedEntry[]> =>
    Promise.all(Array.from({ length: chunkCount(stream) }, (_, i) => entryAt(entry + i)));
  let placed: ByteSource | undefined;
  return {
    label: layer,
    byteLength: bytes,
    async read(start, end) {
      checkRange(this, start, end);
      const gathered = streams.gathered(stream);
      if (gathered !== undefined) return gathered.subarray(start, end);
      placed ??= streamSource(
        {
          label: layer,
          at: { layer },
          bytes,
          entries: await entriesOf(),
          offset,
          chunk: chunk ?? Math.max(1, bytes),
        },
        reader,
      );
      return placed.read(start, end);
    },
  };
}
