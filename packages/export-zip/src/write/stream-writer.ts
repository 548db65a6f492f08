import { type ByteSource, TampError } from '@tamp/core';
import { maxChunkBytes, sharedBelowBytes, sharedEntryBytes } from '../archive-format.js';
import { sha256 } from '../checksum/sha256.js';
import {
  type CompressedEntry,
  type CompressionPolicy,
  compress,
  type NumberWidth,
} from '../compression/compress.js';
import type { Stream } from '../layout/encoding.js';
import type { ManifestEntry } from '../manifest/manifest.js';
import type { EntryPlace, PartsWriter } from './parts-writer.js';

/** A run of a parameter's bytes to be written. */
export interface StreamToWrite {
  readonly source: ByteSource;
  /** Bytes per number, for the byte-plane filter. */
  readonly width: NumberWidth;
  /** Bytes per row of the parameter: chunks hold whole rows where a row fits. */
  readonly rowBytes: number;
  /** Small streams of one group share entries: they compress alike. */
  readonly group: string;
}

/** Writes streams: large ones in entries of their own, small ones together. */
export interface StreamWriter {
  /** Writes a stream, or finds where it is if its source was written before (tied weights). */
  write(stream: StreamToWrite): Promise<Stream>;
  /** Makes a source stand for a stream that was written, as the one it was written from does. */
  alias(source: ByteSource, stream: Stream): void;
  /** Bytes of a stream that are still gathered with others for an entry; undefined once the entry is written. */
  gathered(stream: Stream): Uint8Array | undefined;
  /** The entry of that index as it lies in the archive, once it does; it must have been given to be written. */
  placed(index: number): Promise<PlacedEntry>;
  /** Waits until all that was given so far is in the archive. Rejects with the first error on the way. */
  drain(): Promise<void>;
  /** Writes the shared entries that are still open and gives the table of all entries. */
  finish(): Promise<readonly ManifestEntry[]>;
}

/** An entry that was written. */
export interface PlacedEntry extends EntryPlace {
  readonly described: ManifestEntry;
}

interface SharedEntry {
  readonly index: number;
  readonly width: NumberWidth;
  readonly pieces: Uint8Array[];
  bytes: number;
}

function joined({ bytes: length, pieces }: SharedEntry): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Reads a range, and checks that the source gave all of it. */
export async function readExactly(source: ByteSource, start: number, end: number): Promise<Uint8Array> {
  const bytes = await source.read(start, end);
  if (bytes.length === end - start) return bytes;
  throw new TampError(`gave ${bytes.length} bytes where ${end - start} were asked for`, {
    code: 'io',
    at: { file: source.label },
  });
}

/** Entries that are compressed and hashed at the same time, on threads where the platform has some. */
const entriesInFlight = 3;

/**
 * A stream writer. Of any parameter it holds at most three chunks at a time, of small ones at most 1 MiB per group.
 * `maxEntryBytes` caps an entry at what a part can hold; `onRead` is told of every run of bytes that was read, and what
 * it throws ends the writing (abort).
 */
export function createStreamWriter(
  parts: PartsWriter,
  policy: CompressionPolicy,
  maxEntryBytes: number,
  onRead: (bytes: number) => void,
): StreamWriter {
  const table: (Promise<PlacedEntry> | undefined)[] = [];
  const shared = new Map<string, SharedEntry>();
  // A source that nobody else needs any more is not kept for this.
  const known = new WeakMap<ByteSource, Stream>();
  const chunkLimit = Math.min(maxChunkBytes, maxEntryBytes);
  const sharedLimit = Math.min(sharedEntryBytes, maxEntryBytes);

  const reserve = (): number => table.push(undefined) - 1;

  const inFlight: Promise<unknown>[] = [];
  let last: Promise<unknown> = Promise.resolve();

  const prepare = async (
    bytes: Uint8Array,
    width: NumberWidth,
  ): Promise<{ readonly compressed: CompressedEntry; readonly digest: string }> => {
    const compressed = await compress(bytes, width, policy);
    return { compressed, digest: await sha256(compressed.contents) };
  };

  /** Entries are prepared side by side, and lie in the archive in the order of these calls. */
  const writeEntry = async (index: number, bytes: Uint8Array, width: NumberWidth): Promise<void> => {
    if (inFlight.length >= entriesInFlight) await inFlight.shift();
    const before = last;
    const prepared = prepare(bytes, width);
    const placed = (async (): Promise<PlacedEntry> => {
      const [{ compressed, digest }] = await Promise.all([prepared, before]);
      const { planes, ...entry } = compressed;
      const name = `p/${index}`;
      const place = await parts.add(name, entry);
      const described = {
        name,
        bytes: bytes.length,
        sha256: digest,
        ...(planes === 1 ? {} : { planes }),
      };
      return { ...place, described };
    })();
    // Whoever waits for it next sees the error.
    placed.catch(() => undefined);
    table[index] = placed;
    last = placed;
    inFlight.push(placed);
  };

  const drain = async (): Promise<void> => {
    inFlight.length = 0;
    await last;
  };

  const flush = (entry: SharedEntry): Promise<void> => writeEntry(entry.index, joined(entry), entry.width);

  const writeShared = async ({ source, width, group }: StreamToWrite): Promise<Stream> => {
    const bytes = source.byteLength;
    let entry = shared.get(group);
    if (entry !== undefined && entry.bytes + bytes > sharedLimit) {
      shared.delete(group);
      await flush(entry);
      entry = undefined;
    }
    entry ??= { index: reserve(), width, pieces: [], bytes: 0 };
    shared.set(group, entry);
    const offset = entry.bytes;
    // A copy: the source may give a part of something large.
    entry.pieces.push((await readExactly(source, 0, bytes)).slice());
    entry.bytes += bytes;
    onRead(bytes);
    return { bytes, entry: entry.index, ...(offset === 0 ? {} : { offset }) };
  };

  const writeOwn = async ({ source, width, rowBytes }: StreamToWrite): Promise<Stream> => {
    const bytes = source.byteLength;
    // Where a row does not fit, chunks still end between numbers.
    const unit = rowBytes > 0 && rowBytes <= chunkLimit ? rowBytes : width;
    const chunk = Math.floor(chunkLimit / unit) * unit;
    const first = table.length;
    for (let start = 0; start < bytes; start += chunk) {
      const end = Math.min(bytes, start + chunk);
      await writeEntry(reserve(), await readExactly(source, start, end), width);
      onRead(end - start);
    }
    return bytes <= chunk ? { bytes, entry: first } : { bytes, entry: first, chunk };
  };

  const placedAt = (index: number): Promise<PlacedEntry> => {
    const placed = table[index];
    if (placed === undefined) throw new TampError(`entry ${index} was not written`, { code: 'internal' });
    return placed;
  };

  return {
    drain,
    placed: placedAt,
    alias: (source, stream) => void known.set(source, stream),
    gathered({ bytes, entry: index, offset = 0 }) {
      const entry = [...shared.values()].find((one) => one.index === index);
      return entry === undefined ? undefined : joined(entry).subarray(offset, offset + bytes);
    },
    async write(stream) {
      const { source } = stream;
      const before = known.get(source);
      if (before !== undefined) {
        onRead(source.byteLength);
        return before;
      }
      let place: Stream = { bytes: 0 };
      if (source.byteLength > 0) {
        const small = source.byteLength < Math.min(sharedBelowBytes, sharedLimit);
        place = await (small ? writeShared(stream) : writeOwn(stream));
      }
      known.set(source, place);
      return place;
    },
    async finish() {
      for (const entry of shared.values()) await flush(entry);
      shared.clear();
      await drain();
      const placed = await Promise.all(Array.from(table.keys(), placedAt));
      return placed.map(({ described }) => described);
    },
  };
}
