import { mkdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Model, TampError } from '@tamp/core';
import { exportArchive } from '@tamp/export-zip/node';
import type { Artifact, ExportOptions, ExportTarget, StagedExport } from '@tamp/recipe';
import { shownPath } from './open-model.js';
import { stagingFolder } from './staging-folder.js';

/** Removes folders that were made for an export, as far as they are empty. */
async function removeEmptyFolders(folder: string, outermost: string | undefined): Promise<void> {
  if (outermost === undefined) return;
  try {
    for (let at = folder; at.length >= outermost.length; at = dirname(at)) await rmdir(at);
  } catch {
    // Somebody else has put something there: the folder stays.
  }
}

/**
 * Writes an archive into a hidden folder beside its destination, an absolute path, so that giving it its name is a
 * rename. Rejects with what writing rejects with, and then leaves nothing.
 */
export async function stageArchive(
  model: Model,
  path: string,
  compression: ExportTarget['compression'],
  options: ExportOptions,
): Promise<StagedExport> {
  const folder = dirname(path);
  const { signal, onProgress } = options;
  let made: string | undefined;
  let staging: string;
  try {
    made = await mkdir(folder, { recursive: true });
    staging = await stagingFolder(folder);
  } catch (cause) {
    throw new TampError('cannot be written: its folder cannot be made or written to', {
      code: 'io',
      at: { file: shownPath(path) },
      remedy: 'Write somewhere else, or change the permissions of the folder.',
      cause,
    });
  }
  const discard = async (): Promise<void> => {
    await rm(staging, { recursive: true, force: true });
    await removeEmptyFolders(folder, made);
  };
  try {
    const { paths } = await exportArchive(model, join(staging, basename(path)), {
      ...(compression === undefined ? {} : { compression }),
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined
        ? {}
        : { onProgress: ({ bytes, totalBytes }) => onProgress(bytes, totalBytes) }),
    });
    const artifacts: Artifact[] = [];
    for (const file of paths) {
      artifacts.push({ path: join(folder, basename(file)), bytes: (await stat(file)).size });
    }
    return {
      artifacts,
      discard,
      async commit() {
        // The first part refers to the others: it comes last.
        for (const file of [...paths].reverse()) await rename(file, join(folder, basename(file)));
        await rm(staging, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await discard();
    throw error;
  }
}
