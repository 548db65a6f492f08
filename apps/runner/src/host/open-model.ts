import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { TampError } from '@tamp/core';
import { openArchiveFile } from '@tamp/export-zip/node';
import { foreignFormat } from '@tamp/models';
import { openModelFolder } from '@tamp/models/node';
import type { OpenedModel } from '@tamp/recipe';

function refuseForeignFormat(path: string, names: readonly string[]): void {
  const format = foreignFormat(names);
  if (format === undefined) return;
  throw new TampError(`${format} models are not supported`, {
    code: 'usage',
    at: { file: path },
    remedy:
      'Name a folder as transformers saves it (config.json, model.safetensors), or a .tamp.zip archive.',
  });
}

async function openFolder(path: string): Promise<Pick<OpenedModel, 'model' | 'close'>> {
  const names = await readdir(path);
  if (!names.includes('config.json')) {
    refuseForeignFormat(shownPath(path), names);
    throw new TampError('is no model folder: it has no config.json', {
      code: 'usage',
      at: { file: shownPath(path) },
      remedy: 'Name a folder that transformers saved with save_pretrained(), or a .tamp.zip archive.',
    });
  }
  return openModelFolder(path);
}

/** A path as a person at the current folder would type it. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}

/**
 * Opens a model folder or an archive by its absolute path. Rejects with a `TampError`: `usage` when there is nothing
 * of that name or it is of a format that is not read.
 */
export async function openModelAt(path: string): Promise<OpenedModel> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) {
    throw new TampError('there is no model here', {
      code: 'usage',
      at: { file: shownPath(path) },
      remedy: 'Name a model folder or a .tamp.zip archive on this machine.',
    });
  }
  if (info.isDirectory()) return { ...(await openFolder(path)), name: path };
  refuseForeignFormat(shownPath(path), [path]);
  if (/\.safetensors$/i.test(path)) {
    throw new TampError('weights alone are no model', {
      code: 'usage',
      at: { file: shownPath(path) },
      remedy: `Name the folder that holds it and its config.json: ${shownPath(join(path, '..'))}.`,
    });
  }
  return { ...(await openArchiveFile(path)), name: path };
}
