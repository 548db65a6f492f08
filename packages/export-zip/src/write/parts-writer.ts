import { type ByteSink, TampError } from '@tamp/core';
import { manifestName } from '../archive-format.js';
import { type Crc32, crc32 } from '../checksum/crc32.js';
import { sha256 } from '../checksum/sha256.js';
import type { CompressedEntry } from '../compression/compress.js';
import type { ManifestPart } from '../manifest/manifest.js';
import { endRecord, firstPartComment, laterPartComment } from '../zip/end-record.js';
import { centralHeader, localHeader, type ZipEntry } from '../zip/entry-headers.js';

/** An entry as it was written. */
export interface WrittenEntry {
  readonly name: string;
  /** Number of the part it lies in. */
  readonly part: number;
  /** Size of its contents. */
  readonly bytes: number;
  /** Size in the archive, without headers. */
  readonly storedBytes: number;
}

/** Where an entry lies. */
export interface EntryPlace {
  /** Number of the part. */
  readonly part: number;
  readonly entry: ZipEntry;
}

/** Writes entries into parts one after the other. The first part stays open for the manifest. */
export interface PartsWriter {
  readonly entries: readonly WrittenEntry[];
  /** Appends an entry, in a new part when the current one is full; gives where it lies. */
  add(name: string, entry: Omit<CompressedEntry, 'planes'>): Promise<EntryPlace>;
  /** Writes the directories of the later parts and gives what the manifest says about them. */
  closeLaterParts(): Promise<readonly ManifestPart[]>;
  /** Writes the manifest into the first part and finishes all parts, the first one last. Gives the bytes in all. */
  finish(manifest: Uint8Array, compressed: Omit<CompressedEntry, 'planes'>): Promise<number>;
  /** Drops all parts that are not finished. */
  abort(): Promise<void>;
}

/** Room in each part for its end record; the first part's manifest and directory come on top of `partBytes`. */
export const partOverheadBytes = 1024;

/** A ZIP counts its entries in 16 bits, and 65,535 means ZIP64. */
const maxEntries = 65_000;

interface OpenPart {
  readonly index: number;
  readonly sink: ByteSink;
  readonly entries: ZipEntry[];
  offset: number;
  directoryBytes: number;
}

/** A writer that asks `openPart` for part 0, 1, … and puts at most `partBytes` of entries into each. */
export function createPartsWriter(
  openPart: (index: number) => Promise<ByteSink>,
  partBytes: number,
  checksum: Crc32 = crc32,
): PartsWriter {
  const parts: OpenPart[] = [];
  const unfinished = new Set<ByteSink>();
  const written: WrittenEntry[] = [];

  const open = async (): Promise<OpenPart> => {
    const index = parts.length;
    const sink = await openPart(index);
    unfinished.add(sink);
    const part: OpenPart = { index, sink, entries: [], offset: 0, directoryBytes: 0 };
    parts.push(part);
    return part;
  };

  const addTo = async (
    part: OpenPart,
    name: string,
    { contents, method, data }: Omit<CompressedEntry, 'planes'>,
  ): Promise<EntryPlace> => {
    const entry: ZipEntry = {
      name,
      method,
      crc: checksum(contents),
      stored: data.length,
      bytes: contents.length,
      offset: part.offset,
    };
    const header = localHeader(entry);
    await part.sink.write(header);
    await part.sink.write(data);
    part.entries.push(entry);
    part.offset += header.length + data.length;
    part.directoryBytes += centralHeader(entry).length;
    written.push({ name, part: part.index, bytes: contents.length, storedBytes: data.length });
    return { part: part.index, entry };
  };

  const directoryOf = (part: OpenPart): Uint8Array => {
    const directory = new Uint8Array(part.directoryBytes);
    let at = 0;
    for (const entry of part.entries) {
      const header = centralHeader(entry);
      directory.set(header, at);
      at += header.length;
    }
    return directory;
  };

  /** Writes directory and end record. Gives the size of the part. */
  const close = async (part: OpenPart, directory: Uint8Array, comment: string): Promise<number> => {
    const end = endRecord({
      entries: part.entries.length,
      directoryBytes: directory.length,
      directoryStart: part.offset,
      comment,
    });
    await part.sink.write(directory);
    await part.sink.write(end);
    return part.offset + directory.length + end.length;
  };

  let laterBytes = 0;

  return {
    entries: written,
    async add(name, entry) {
      let part = parts.at(-1) ?? (await open());
      const size = 128 + 2 * new TextEncoder().encode(name).length + entry.data.length;
      const full = part.offset + part.directoryBytes + size + partOverheadBytes / 2 > partBytes;
      if (part.entries.length > 0 && (full || part.entries.length >= maxEntries)) part = await open();
      if (part.entries.length === 0 && size + partOverheadBytes / 2 > partBytes) {
        throw new TampError(`the entry ${name} of ${entry.data.length} bytes does not fit a part`, {
          code: 'usage',
          remedy: `Raise partBytes from ${partBytes}.`,
        });
      }
      return addTo(part, name, entry);
    },
    async closeLaterParts() {
      const described: ManifestPart[] = [];
      for (const part of parts.slice(1)) {
        const directory = directoryOf(part);
        const bytes = await close(part, directory, laterPartComment(part.index));
        described.push({ bytes, sha256: await sha256(directory) });
        laterBytes += bytes;
      }
      return described;
    },
    async finish(manifest, compressed) {
      const first = parts.at(0) ?? (await open());
      await addTo(first, manifestName, compressed);
      const directory = directoryOf(first);
      const covered = new Uint8Array(manifest.length + directory.length);
      covered.set(manifest);
      covered.set(directory, manifest.length);
      const bytes = await close(first, directory, firstPartComment(await sha256(covered)));
      // Whoever finds the first part finds the others.
      for (const { sink } of [...parts.slice(1), first]) {
        unfinished.delete(sink);
        await sink.finish();
      }
      return laterBytes + bytes;
    },
    async abort() {
      for (const sink of unfinished) await sink.abort();
      unfinished.clear();
    },
  };
}
