import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadableSink } from '../bytes/byte-sink.js';
import { fileError } from '../bytes/file-error.js';
import { TampError } from '../errors/tamp-error.js';
import type { ParameterStore } from './parameter-store.js';
import { parametersIn } from './sink-parameters.js';

async function readAt(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error('it ends early');
    filled += bytesRead;
  }
  return bytes;
}

/** A file without a name, which the system forgets once it is closed. */
function namelessSink(file: FileHandle, path: string): ReadableSink {
  let length = 0;
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await file.close();
  };
  return {
    async write(bytes) {
      try {
        for (let written = 0; written < bytes.length; ) {
          const rest = bytes.length - written;
          const { bytesWritten } = await file.write(bytes, written, rest, length);
          written += bytesWritten;
          length += bytesWritten;
        }
      } catch (cause) {
        throw fileError(cause, path, 'finished parameters cannot be kept');
      }
    },
    async read(start, end) {
      if (closed) throw new TampError('is closed', { code: 'usage', at: { file: path } });
      try {
        return await readAt(file, start, end);
      } catch (cause) {
        throw fileError(cause, path, 'cannot be read');
      }
    },
    finish: close,
    abort: close,
  };
}

/**
 * Keeps parameters in a file of `folder` that has no name once it is open: the system frees its space when it is
 * closed or the process ends, however that ends. Rejects with a `TampError` (`io`) when it cannot be made.
 */
export async function parameterFile(folder: string): Promise<ParameterStore> {
  const path = join(folder, `.tamp-${randomUUID()}.tmp`);
  let file: FileHandle;
  try {
    file = await open(path, 'wx+');
    await rm(path);
  } catch (cause) {
    throw fileError(cause, path, 'finished parameters cannot be kept');
  }
  return parametersIn(namelessSink(file, path));
}
