import { rm } from 'node:fs/promises';
import type { Model } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import { partName } from '../part-name.js';
import { type WriteArchiveOptions, type WrittenArchive, writeArchiveWith } from '../write-archive.js';
import { nativeTools } from './native-tools.js';

/** The files of an archive. */
export interface ExportedArchive extends Omit<WrittenArchive, 'parts'> {
  /** The archive itself first, then its further parts. */
  readonly paths: readonly string[];
}

/**
 * Writes a model as an archive file, with further parts beside it (`model.part-0001.tamp.zip`) when it is larger than
 * `partBytes`. Files are written under temporary names and renamed when all are complete, so an error, a full disk or
 * an abort leaves nothing behind, and an older archive as it was. Throws what `writeArchive` throws.
 */
export async function exportArchive(
  model: Model,
  path: string,
  options: WriteArchiveOptions = {},
): Promise<ExportedArchive> {
  const renamed: string[] = [];
  try {
    const { bytes, entries, parts } = await writeArchiveWith(
      model,
      async (index) => {
        const part = partName(path, index);
        const sink = await fileSink(part);
        return {
          ...sink,
          async finish() {
            await sink.finish();
            renamed.push(part);
          },
        };
      },
      options,
      nativeTools,
    );
    const paths = Array.from({ length: parts }, (_, index) => partName(path, index));
    return { paths, bytes, entries };
  } catch (error) {
    for (const part of renamed) await rm(part, { force: true });
    throw error;
  }
}
