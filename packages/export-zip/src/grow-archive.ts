import type { ByteSource, Model, Parameter, ReadableSink } from '@tamp/core';
import { defaultLimits } from './archive-limits.js';
import { crc32 } from './checksum/crc32.js';
import type { Encoding, Stream } from './layout/encoding.js';
import { storageOf } from './layout/storage.js';
import { createEntryReader, type VerifiedEntry } from './read/entry-reader.js';
import { writtenSource } from './read/written-source.js';
import type { ArchiveTools, PackingOptions, WritingOptions } from './write/archive-options.js';
import { createArchiveWriter, type WrittenArchive } from './write/archive-writer.js';

/** Options of {@link growArchive}. */
export interface GrowArchiveOptions extends PackingOptions {
  /** What the finished model's parameters come to in bytes, at least roughly: it decides how hard to compress. */
  readonly expectedBytes: number;
}

/** An archive that is written while its model is made. Call exactly one of `finish` and `abort`. */
export interface GrowingArchive {
  /**
   * Writes a parameter that is finished, and gives the parameter as it reads from the archive, until `finish` or
   * `abort` is called. Rejects with a `TampError` (`data` for one that an archive cannot hold, `io`).
   */
  put(parameter: Parameter): Promise<Parameter>;
  /**
   * Writes the rest of the model and completes the archive. Where a parameter that was put was replaced after all, all
   * is written anew without it. Rejects as `writeArchive` does, and has then dropped everything.
   */
  finish(model: Model, options?: WritingOptions): Promise<WrittenArchive>;
  /** Drops what was written. */
  abort(): Promise<void>;
}

/** The streams of an archive that is being written are read through sinks, part by part. */
function partSource(sink: ReadableSink, index: number): ByteSource {
  return {
    label: `part ${index}`,
    // The sink knows how far it is.
    byteLength: Number.MAX_SAFE_INTEGER,
    read: (start, end) => sink.read(start, end),
  };
}

/**
 * Begins an archive to which parameters are written as soon as they are finished: a model that is compressed part by
 * part is then written once and never held whole. Entries lie in the order of the calls; the same calls give the same
 * bytes. `openPart` as for `writeArchive`, with sinks that can be read.
 */
export function growArchive(
  openPart: (index: number) => Promise<ReadableSink>,
  options: GrowArchiveOptions,
): GrowingArchive {
  return growArchiveWith(openPart, options, { crc32 });
}

/** {@link growArchive} with what the platform has. */
export function growArchiveWith(
  openPart: (index: number) => Promise<ReadableSink>,
  options: GrowArchiveOptions,
  tools: ArchiveTools,
): GrowingArchive {
  const sources: ByteSource[] = [];
  const open = async (index: number): Promise<ReadableSink> => {
    const sink = await openPart(index);
    sources[index] = partSource(sink, index);
    return sink;
  };
  const writer = createArchiveWriter(open, options.expectedBytes, options, tools);
  const { streams } = writer;
  const reader = createEntryReader(defaultLimits.cacheBytes);
  const added = new Map<Parameter, Encoding>();

  const verified = new Map<number, Promise<VerifiedEntry>>();

  const verify = async (index: number): Promise<VerifiedEntry> => {
    const { part, entry, described } = await streams.placed(index);
    return { part: sources[part], entry, sha256: described.sha256, planes: described.planes ?? 1 };
  };
  /** One object for each entry: the reader knows them by it. */
  const entryAt = (index: number): Promise<VerifiedEntry> => {
    const known = verified.get(index) ?? verify(index);
    verified.set(index, known);
    return known;
  };
  const sourceOf = (layer: string, stream: Stream): ByteSource => {
    const source = writtenSource(layer, stream, streams, entryAt, reader);
    streams.alias(source, stream);
    return source;
  };

  return {
    abort: () => writer.abort(),
    async put(parameter) {
      const { name, shape } = parameter;
      const encoding = await writer.add(parameter);
      const written = { name, shape, storage: storageOf(encoding, (stream) => sourceOf(name, stream)) };
      added.set(written, encoding);
      return written;
    },
    async finish(model, writing = {}) {
      const stays = (parameter: Parameter): boolean => model.parameters.get(parameter.name) === parameter;
      if ([...added.keys()].every(stays)) return writer.finish(model, added, writing);
      // What was replaced would stay in the file, and readers refuse what no parameter uses.
      try {
        const anew = createArchiveWriter(openPart, options.expectedBytes, options, tools);
        return await anew.finish(model, new Map(), writing);
      } finally {
        await writer.abort();
      }
    },
  };
}
