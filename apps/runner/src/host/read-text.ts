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
  return decodeText(bytes, shownPath(path));
}

/** Standard input to its end as UTF-8. Rejects with a `TampError` (`data`) when it is no text. */
export async function readStandardInput(signal: AbortSignal): Promise<string> {
  const { stdin } = process;
  const stop = (): void => void stdin.destroy(new DOMException('Interrupted', 'AbortError'));
  signal.addEventListener('abort', stop, { once: true });
  try {
    const parts: Buffer[] = [];
    for await (const part of stdin) parts.push(Buffer.from(part));
    return decodeText(Buffer.concat(parts), 'standard input');
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new TampError('is not UTF-8 text', {
      code: 'data',
      at: { file },
      remedy: 'Save it as UTF-8.',
      cause,
    });
  }
}
