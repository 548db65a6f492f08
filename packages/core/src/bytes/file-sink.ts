import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TampError } from '../errors/tamp-error.js';
import type { ReadableSink } from './byte-sink.js';
import { checkRange } from './byte-source.js';
import { fileError } from './file-error.js';

/** Makes a rename durable. Systems that cannot sync a folder (Windows) do without. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // The file itself is complete and synced; only the moment its name becomes durable is left to the system.
  } finally {
    await handle?.close();
  }
}

/** Options of {@link fileSink}. */
export interface FileSinkOptions {
  /** What errors call the file; default `path`. */
  readonly label?: string;
}

/**
 * A file as a byte sink. It is written under a temporary name beside `path`, synced, and renamed to `path` by
 * `finish`, so a reader sees the old file or the whole new one. The temporary file is removed when a write or
 * `finish` fails and by `abort`. Rejects with a `TampError` (`io`) when the folder cannot be written to.
 */
export async function fileSink(path: string, options: FileSinkOptions = {}): Promise<ReadableSink> {
  const { label = path } = options;
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  const file = await open(temporary, 'wx+').catch((cause: unknown) => {
    throw fileError(cause, label, 'cannot be written');
  });
  let state: 'open' | 'failed' | 'finished' | 'aborted' = 'open';
  let length = 0;

  function checkOpen(): void {
    if (state === 'open') return;
    throw new TampError(`cannot be written: writing is ${state}`, { code: 'usage', at: { file: label } });
  }

  async function removeTemporary(): Promise<void> {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
  }

  async function fail(cause: unknown): Promise<never> {
    if (state === 'open') state = 'failed';
    await removeTemporary();
    throw fileError(cause, label, 'cannot be written');
  }

  return {
    async write(bytes) {
      checkOpen();
      // Each call owns its place in the file, so calls that overlap do not mix.
      const start = length;
      length += bytes.byteLength;
      try {
        let written = 0;
        while (written < bytes.byteLength) {
          const rest = Math.min(2 ** 30, bytes.byteLength - written);
          const { bytesWritten } = await file.write(bytes, written, rest, start + written);
          written += bytesWritten;
        }
      } catch (cause) {
        await fail(cause);
      }
    },
    async read(start, end) {
      checkOpen();
      checkRange({ label, byteLength: length }, start, end);
      const bytes = new Uint8Array(end - start);
      try {
        for (let filled = 0; filled < bytes.byteLength; ) {
          const rest = Math.min(2 ** 30, bytes.byteLength - filled);
          const { bytesRead } = await file.read(bytes, filled, rest, start + filled);
          if (bytesRead === 0) throw new Error('what was written is not there');
          filled += bytesRead;
        }
      } catch (cause) {
        throw fileError(cause, label, 'cannot be read');
      }
      return bytes;
    },
    async finish() {
      checkOpen();
      try {
        await file.sync();
        await file.close();
        await rename(temporary, path);
      } catch (cause) {
        await fail(cause);
      }
      state = 'finished';
      await syncFolder(dirname(path));
    },
    async abort() {
      if (state !== 'open') return;
      state = 'aborted';
      await removeTemporary();
    },
  };
}
