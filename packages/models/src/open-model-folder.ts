import type { Model } from '@tamp/core';
import { folderAt } from './folder-at.js';
import { openModel } from './open-model.js';

/** A model whose weights lie in a folder on disk. */
export interface OpenModelFolder {
  readonly model: Model;
  /** Closes the files; parameters and assets that were not read by then can no longer be read. */
  close(): Promise<void>;
}

/** Opens the model in a folder by path (see `openModel`). When it rejects, no file stays open. */
export async function openModelFolder(path: string): Promise<OpenModelFolder> {
  const folder = folderAt(path);
  try {
    return { model: await openModel(folder), close: () => folder.close() };
  } catch (error) {
    await folder.close();
    throw error;
  }
}
