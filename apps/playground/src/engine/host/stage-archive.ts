import type { Model } from '@tamp/core';
import { growArchive, partName, type WritingOptions, writeArchive } from '@tamp/export-zip';
import type { ExportOptions, ExportTarget, GrowingExport, StagedExport } from '@tamp/recipe';
import type { ArchiveStore } from './archive-store.js';
import type { BlobSink } from './blob-sink.js';

/** An archive that is complete. */
export interface FinishedArchive {
  /** The name that its recipe gives it, without folders. */
  readonly name: string;
  /** The archive itself first, then its further parts. */
  readonly parts: readonly { readonly name: string; readonly blob: Blob }[];
}

/** Takes an archive that is committed; until then, and after an error, nobody sees any of it. */
export type KeepArchive = (archive: FinishedArchive, discard: () => Promise<void>) => void;

/** The parts of an archive in a store. */
interface StoredParts {
  open(index: number): Promise<BlobSink>;
  /** The parts as an export, once `write` is done; removes them when it rejects. */
  staged(write: () => Promise<unknown>): Promise<StagedExport>;
  discard(): Promise<void>;
}

function storedParts({ to }: ExportTarget, store: ArchiveStore, keep: KeepArchive): StoredParts {
  const name = to.slice(to.lastIndexOf('/') + 1);
  const sinks: BlobSink[] = [];
  const discard = async (): Promise<void> => {
    for (const sink of sinks) await sink.discard();
  };
  return {
    discard,
    async open(index) {
      const sink = await store.create(partName(name, index));
      sinks[index] = sink;
      return sink;
    },
    async staged(write) {
      try {
        await write();
        const parts = await Promise.all(
          sinks.map(async (sink, index) => ({ name: partName(name, index), blob: await sink.blob() })),
        );
        return {
          artifacts: parts.map((part) => ({ path: part.name, bytes: part.blob.size })),
          async commit() {
            keep({ name, parts }, discard);
          },
          discard,
        };
      } catch (error) {
        await discard();
        throw error;
      }
    },
  };
}

function packingOptions({ compression }: ExportTarget): Pick<ExportTarget, 'compression'> {
  return compression === undefined ? {} : { compression };
}

function writingOptions({ signal, onProgress }: ExportOptions): WritingOptions {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: ({ bytes, totalBytes }) => onProgress(bytes, totalBytes) }),
  };
}

/** Writes an archive into the store; `keep` gets it when it is committed. */
export function stageArchive(
  model: Model,
  target: ExportTarget,
  options: ExportOptions,
  store: ArchiveStore,
  keep: KeepArchive,
): Promise<StagedExport> {
  const parts = storedParts(target, store, keep);
  return parts.staged(() =>
    writeArchive(model, parts.open, { ...packingOptions(target), ...writingOptions(options) }),
  );
}

/** Begins an archive in the store that is written while its model is made. */
export function beginArchive(
  target: ExportTarget,
  expectedBytes: number,
  store: ArchiveStore,
  keep: KeepArchive,
): GrowingExport {
  const parts = storedParts(target, store, keep);
  const growing = growArchive(parts.open, { ...packingOptions(target), expectedBytes });
  return {
    put: growing.put,
    stage: (model, options) => parts.staged(() => growing.finish(model, writingOptions(options))),
    async discard() {
      await growing.abort();
      await parts.discard();
    },
  };
}
