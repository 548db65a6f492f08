import { type FileHandle, open, stat } from 'node:fs/promises';
import { TampError } from '../errors/tamp-error.js';
import { type ByteSource, checkRange } from './byte-source.js';
import { fileError } from './file-error.js';

/** A file as a byte source. */
export interface FileSource extends ByteSource {
  /** Closes the file once running reads are done; later reads reject with a `TampError` (`usage`). */
  close(): Promise<void>;
}

/** One read call of the system moves less than 2 GiB. */
const maxReadBytes = 2 ** 30;

/**
 * A file as a byte source. Its size is looked up now; the file is opened at the first read and stays open until
 * `close`. Rejects with a `TampError` (`io`) unless the path leads to a regular file.
 */
export async function fileSource(path: string): Promise<FileSource> {
  const info = await stat(path).catch((cause: unknown) => {
    throw fileError(cause, path, 'cannot be read');
  });
  if (!info.isFile()) {
    throw new TampError('cannot be read: it is not a regular file', {
      code: 'io',
      at: { file: path },
      remedy: 'Name a file.',
    });
  }

  let opening: Promise<FileHandle> | undefined;
  let closed = false;

  function handle(): Promise<FileHandle> {
    opening ??= open(path, 'r').catch((cause: unknown) => {
      opening = undefined;
      throw cause;
    });
    return opening;
  }

  const source: FileSource = {
    label: path,
    byteLength: info.size,
    async read(start, end) {
      checkRange(source, start, end);
      if (closed) throw new TampError('is closed', { code: 'usage', at: { file: path } });
      let filled = 0;
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(end - start);
        const file = await handle();
        while (filled < bytes.byteLength) {
          const length = Math.min(maxReadBytes, bytes.byteLength - filled);
          const { bytesRead } = await file.read(bytes, filled, length, start + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
      } catch (cause) {
        throw fileError(cause, path, 'cannot be read');
      }
      if (filled < bytes.byteLength) {
        throw new TampError(`ends at byte ${start + filled} but had ${info.size} bytes when it was opened`, {
          code: 'format',
          at: { file: path },
          remedy: 'Do not write to the file while it is read.',
        });
      }
      return bytes;
    },
    async close() {
      closed = true;
      const file = await opening?.catch(() => undefined);
      opening = undefined;
      await file?.close().catch((cause: unknown) => {
        throw fileError(cause, path, 'cannot be closed');
      });
    },
  };
  return source;
}
