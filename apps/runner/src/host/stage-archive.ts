import { rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Model, TampError } from '@tamp/core';
import { makeFolder } from '@tamp/core/node';
import { type ExportedArchive, exportArchive, growArchiveFile } from '@tamp/export-zip/node';
import type { Artifact, ExportOptions, ExportTarget, GrowingExport, StagedExport } from '@tamp/recipe';
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

/** A hidden folder beside a destination. */
interface Staging {
  /** The path to write to; giving its file the final name is a rename. */
  readonly path: string;
  /** The files that were written there as an export. */
  staged(written: ExportedArchive): Promise<StagedExport>;
  /** Removes it with all that is in it. */
  discard(): Promise<void>;
}

async function stagingFor(destination: string): Promise<Staging> {
  const folder = dirname(destination);
  let made: string | undefined;
  let staging: string;
  try {
    made = await makeFolder(folder);
    staging = await stagingFolder(folder);
  } catch (cause) {
    throw new TampError('cannot be written: its folder cannot be made or written to', {
      code: 'io',
      at: { file: shownPath(destination) },
      remedy: 'Write somewhere else, or change the permissions of the folder.',
      cause,
    });
  }
  const discard = async (): Promise<void> => {
    await rm(staging, { recursive: true, force: true });
    await removeEmptyFolders(folder, made);
  };
  return {
    path: join(staging, basename(destination)),
    discard,
    async staged({ paths }) {
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
    },
  };
}

function writingOptions({ signal, onProgress }: ExportOptions): Parameters<typeof exportArchive>[2] {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: ({ bytes, totalBytes }) => onProgress(bytes, totalBytes) }),
  };
}

function packingOptions({ compression }: ExportTarget): Pick<ExportTarget, 'compression'> {
  return compression === undefined ? {} : { compression };
}

/** What `write` gives; discards the staging when it rejects. */
async function orDiscard<T>(staging: Staging, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

/**
 * Writes an archive into a hidden folder beside its destination, an absolute path, so that giving it its name is a
 * rename. Rejects with what writing rejects with, and then leaves nothing.
 */
export async function stageArchive(
  model: Model,
  path: string,
  target: ExportTarget,
  options: ExportOptions,
): Promise<StagedExport> {
  const staging = await stagingFor(path);
  return orDiscard(staging, async () => {
    const exporting = { ...packingOptions(target), ...writingOptions(options), label: shownPath(path) };
    return staging.staged(await exportArchive(model, staging.path, exporting));
  });
}

/** Begins an archive that is staged as {@link stageArchive} does, and written while its model is made. */
export async function beginArchive(
  path: string,
  target: ExportTarget,
  expectedBytes: number,
): Promise<GrowingExport> {
  const staging = await stagingFor(path);
  const growing = growArchiveFile(staging.path, {
    ...packingOptions(target),
    expectedBytes,
    label: shownPath(path),
  });
  return {
    put: growing.put,
    stage: (model, options) =>
      orDiscard(staging, async () => staging.staged(await growing.finish(model, writingOptions(options)))),
    async discard() {
      await growing.abort();
      await staging.discard();
    },
  };
}
