import { checkRange, TampError } from '@tamp/core';
import { type BlobSink, blobSink } from './blob-sink.js';

/**
 * Where a page puts archives that it writes and parameters that it has finished: the browser's private file system, or
 * Blobs where there is none, which browsers keep beside the page's own memory.
 */
export interface ArchiveStore {
  create(label: string): Promise<BlobSink>;
}

const folderName = 'tamp-playground';

async function onDisk(folder: FileSystemDirectoryHandle, label: string): Promise<BlobSink> {
  const name = crypto.randomUUID();
  const handle = await folder.getFileHandle(name, { create: true });
  const access = await handle.createSyncAccessHandle();
  let offset = 0;
  const failed = (cause: unknown): never => {
    const full = cause instanceof DOMException && cause.name === 'QuotaExceededError';
    throw new TampError(full ? 'the browser gives this page no more room' : 'cannot be written', {
      code: 'io',
      at: { file: label },
      remedy: full ? 'Make room on the disk, or remove other data of this site.' : 'Try again.',
      cause,
    });
  };
  const discard = async (): Promise<void> => {
    access.close();
    await folder.removeEntry(name).catch(() => undefined);
  };
  return {
    async write(bytes) {
      try {
        if (access.write(bytes, { at: offset }) !== bytes.byteLength) failed(undefined);
      } catch (error) {
        failed(error);
      }
      offset += bytes.byteLength;
    },
    async read(start, end) {
      checkRange({ label, byteLength: offset }, start, end);
      const bytes = new Uint8Array(end - start);
      if (access.read(bytes, { at: start }) === bytes.byteLength) return bytes;
      throw new TampError('what was written is not there', {
        code: 'io',
        at: { file: label },
        remedy: 'Try again: the browser may have removed this site’s data.',
      });
    },
    async finish() {
      access.flush();
      access.close();
    },
    abort: discard,
    discard,
    blob: () => handle.getFile(),
  };
}

/** This worker's own folder; folders of pages that are gone are removed. */
async function ownFolder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const all = await root.getDirectoryHandle(folderName, { create: true });
  for await (const name of all.keys()) {
    // Whoever owns a folder holds the lock of its name as long as it lives.
    await navigator.locks.request(`${folderName}/${name}`, { ifAvailable: true }, async (lock) => {
      if (lock !== null) await all.removeEntry(name, { recursive: true }).catch(() => undefined);
    });
  }
  const own = crypto.randomUUID();
  await new Promise<void>((held) => {
    void navigator.locks.request(`${folderName}/${own}`, () => {
      held();
      return new Promise<never>(() => {});
    });
  });
  return all.getDirectoryHandle(own, { create: true });
}

/** Opens the store; a browser that refuses its file system (some do in private windows) gets Blobs. */
export async function openArchiveStore(): Promise<ArchiveStore> {
  try {
    const folder = await ownFolder();
    return { create: (label) => onDisk(folder, label) };
  } catch {
    return { create: async (label) => blobSink(label) };
  }
}
