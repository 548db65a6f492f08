import type { Model } from '@tamp/core';
import { partName, writeArchive } from '@tamp/export-zip';
import type { ExportOptions, ExportTarget, StagedExport } from '@tamp/recipe';
import type { ArchiveStore, BlobSink } from './archive-store.js';

/** An archive that is complete. */
export interface FinishedArchive {
  /** The name that its recipe gives it, without folders. */
  readonly name: string;
  /** The archive itself first, then its further parts. */
  readonly parts: readonly { readonly name: string; readonly blob: Blob }[];
}

/**
 * Writes an archive into the store. `onFinished` gets it when it is committed; until then, and after an error, nobody
 * sees any of it.
 */
export async function stageArchive(
  model: Model,
  { to, compression }: ExportTarget,
  { signal, onProgress }: ExportOptions,
  store: ArchiveStore,
  onFinished: (archive: FinishedArchive, discard: () => Promise<void>) => void,
): Promise<StagedExport> {
  const name = to.slice(to.lastIndexOf('/') + 1);
  const sinks: BlobSink[] = [];
  const discard = async (): Promise<void> => {
    for (const sink of sinks) await sink.discard();
  };
  try {
    await writeArchive(
      model,
      async (index) => {
        const sink = await store.create(partName(name, index));
        sinks.push(sink);
        return sink;
      },
      {
        ...(compression === undefined ? {} : { compression }),
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined
          ? {}
          : { onProgress: ({ bytes, totalBytes }) => onProgress(bytes, totalBytes) }),
      },
    );
    const parts = await Promise.all(
      sinks.map(async (sink, index) => ({ name: partName(name, index), blob: await sink.blob() })),
    );
    return {
      artifacts: parts.map((part) => ({ path: part.name, bytes: part.blob.size })),
      async commit() {
        onFinished({ name, parts }, discard);
      },
      discard,
    };
  } catch (error) {
    await discard();
    throw error;
  }
}
