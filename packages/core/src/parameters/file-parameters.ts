import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteSource, checkRange } from '../bytes/byte-source.js';
import { fileError } from '../bytes/file-error.js';
import { TampError } from '../errors/tamp-error.js';
import { moveStorage, type ParameterStore } from './parameter-store.js';

/** Bytes copied at a time. */
const pieceBytes = 8 * 2 ** 20;

async function readAt(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error('it ends early');
    filled += bytesRead;
  }
  return bytes;
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
  let length = 0;
  let closed = false;

  const rangeOf = (label: string, start: number, byteLength: number): ByteSource => ({
    label,
    byteLength,
    async read(from, to) {
      checkRange(this, from, to);
      if (closed) throw new TampError('is closed', { code: 'usage', at: { file: path } });
      try {
        return await readAt(file, start + from, start + to);
      } catch (cause) {
        throw fileError(cause, path, 'cannot be read');
      }
    },
  });

  const move = async (source: ByteSource): Promise<ByteSource> => {
    const start = length;
    length += source.byteLength;
    for (let from = 0; from < source.byteLength; from += pieceBytes) {
      const bytes = await source.read(from, Math.min(source.byteLength, from + pieceBytes));
      try {
        for (let written = 0; written < bytes.length; ) {
          const { bytesWritten } = await file.write(
            bytes,
            written,
            bytes.length - written,
            start + from + written,
          );
          written += bytesWritten;
        }
      } catch (cause) {
        throw fileError(cause, path, 'finished parameters cannot be kept');
      }
    }
    return rangeOf(source.label, start, source.byteLength);
  };

  return {
    async put(parameter) {
      return { ...parameter, storage: await moveStorage(parameter.storage, move) };
    },
    async close() {
      if (closed) return;
      closed = true;
      await file.close();
    },
  };
}
