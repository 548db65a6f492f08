import type { Model } from '@tamp/core';
import { type FileSource, fileSource } from '@tamp/core/node';
import type { ArchiveLimits } from '../archive-limits.js';
import { openArchive } from '../open-archive.js';
import { partName } from '../part-name.js';

/** An archive file that is open. */
export interface ArchiveFile {
  readonly model: Model;
  /** Closes the files. Parameters and assets that have not been read cannot be read any more. */
  close(): Promise<void>;
}

/**
 * Opens an archive file; further parts are found beside it. Parameters are read from the file when they are used:
 * close it once the model is not needed. Throws what `openArchive` throws.
 */
export async function openArchiveFile(
  path: string,
  options: { readonly limits?: Partial<ArchiveLimits> } = {},
): Promise<ArchiveFile> {
  const files: FileSource[] = [];
  const open = async (index: number): Promise<FileSource> => {
    const file = await fileSource(partName(path, index));
    files.push(file);
    return file;
  };
  const close = async (): Promise<void> => {
    for (const file of files) await file.close();
  };
  try {
    return { model: await openArchive(await open(0), { ...options, openPart: open }), close };
  } catch (error) {
    await close();
    throw error;
  }
}
