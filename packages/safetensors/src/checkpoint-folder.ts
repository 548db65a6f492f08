import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FileSource, fileError, fileSource } from '@tamp/core/node';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import type { OpenOptions } from './safetensors-file.js';

/** A checkpoint on disk. */
export interface CheckpointFolder extends Checkpoint {
  /** Closes its files; later reads reject with a `TampError` (`usage`). */
  close(): Promise<void>;
}

/**
 * Opens the checkpoint in a folder: `model.safetensors`, or the shards of `model.safetensors.index.json`. The path
 * may also name a safetensors file or an index itself. Headers are read now, tensors when asked for. Rejects as
 * {@link openCheckpoint} does, and then leaves no file open.
 */
export async function openCheckpointFolder(
  path: string,
  options: OpenOptions = {},
): Promise<CheckpointFolder> {
  const isFile = path.endsWith('.safetensors') || path.endsWith('.safetensors.index.json');
  const folder = isFile ? dirname(path) : path;
  const names = new Set(
    await readdir(folder).catch((cause: unknown) => {
      throw fileError(cause, folder, 'cannot be read');
    }),
  );
  const open: FileSource[] = [];
  async function close(): Promise<void> {
    for (const source of open.splice(0)) await source.close();
  }
  try {
    const checkpoint = await openCheckpoint(
      async (name) => {
        if (!names.has(name)) return undefined;
        const source = await fileSource(join(folder, name));
        open.push(source);
        return source;
      },
      { ...options, label: folder, ...(isFile ? { entry: basename(path) } : {}) },
    );
    return { ...checkpoint, close };
  } catch (error) {
    await close();
    throw error;
  }
}
