import { rm } from 'node:fs/promises';
import type { Model, ReadableSink } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import { type GrowArchiveOptions, type GrowingArchive, growArchiveWith } from '../grow-archive.js';
import { partName } from '../part-name.js';
import type { WritingOptions } from '../write/archive-options.js';
import type { WrittenArchive } from '../write/archive-writer.js';
import { type WriteArchiveOptions, writeArchiveWith } from '../write-archive.js';
import { nativeTools } from './native-tools.js';

/** The files of an archive. */
export interface ExportedArchive extends Omit<WrittenArchive, 'parts'> {
  /** The archive itself first, then its further parts. */
  readonly paths: readonly string[];
}

/** Files of an archive's parts, which can be taken back once they have their names. */
interface PartFiles {
  readonly open: (index: number) => Promise<ReadableSink>;
  /** Gives the files' names; removes those that have them already when `write` fails. */
  export(write: () => Promise<WrittenArchive>): Promise<ExportedArchive>;
}

function partFiles(path: string, label: string): PartFiles {
  const renamed: string[] = [];
  return {
    async open(index) {
      const part = partName(path, index);
      const sink = await fileSink(part, { label: partName(label, index) });
      return {
        ...sink,
        async finish() {
          await sink.finish();
          renamed.push(part);
        },
      };
    },
    async export(write) {
      try {
        const { bytes, entries, parts } = await write();
        const paths = Array.from({ length: parts }, (_, index) => partName(path, index));
        return { paths, bytes, entries };
      } catch (error) {
        for (const part of renamed) await rm(part, { force: true });
        throw error;
      }
    },
  };
}

/** What every writing of files can be told. */
export interface ArchiveFileOptions {
  /** What errors call the archive; default its path. */
  readonly label?: string;
}

/**
 * Writes a model as an archive file, with further parts beside it (`model.part-0001.tamp.zip`) when it is larger than
 * `partBytes`. Files are written under temporary names and renamed when all are complete, so an error, a full disk or
 * an abort leaves nothing behind, and an older archive as it was. Throws what `writeArchive` throws.
 */
export function exportArchive(
  model: Model,
  path: string,
  options: WriteArchiveOptions & ArchiveFileOptions = {},
): Promise<ExportedArchive> {
  const files = partFiles(path, options.label ?? path);
  return files.export(() => writeArchiveWith(model, files.open, options, nativeTools));
}

/** A {@link GrowingArchive} in files. */
export interface GrowingArchiveFile extends Omit<GrowingArchive, 'finish'> {
  /** {@link GrowingArchive.finish}; the files then have their names. */
  finish(model: Model, options?: WritingOptions): Promise<ExportedArchive>;
}

/** Begins an archive file that is written while its model is made: `growArchive` with the files of `exportArchive`. */
export function growArchiveFile(
  path: string,
  options: GrowArchiveOptions & ArchiveFileOptions,
): GrowingArchiveFile {
  const files = partFiles(path, options.label ?? path);
  const { put, abort, finish } = growArchiveWith(files.open, options, nativeTools);
  return { put, abort, finish: (model, writing) => files.export(() => finish(model, writing)) };
}
