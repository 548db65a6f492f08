import { readFile } from 'node:fs/promises';
import { TampError } from '@tamp/core';
import { shownPath } from './open-model.js';

/** A whole text file as UTF-8. Rejects with a `TampError` (`usage`) when there is none, (`data`) when it is no text. */
export async function readTextAt(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new TampError(missing ? 'there is no such file' : 'cannot be read', {
      code: 'usage',
      at: { file: shownPath(path) },
      remedy: 'Name a text file.',
      cause,
    });
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new TampError('is not UTF-8 text', {
      code: 'data',
      at: { file: shownPath(path) },
      remedy: 'Save it as UTF-8.',
      cause,
    });
  }
}
