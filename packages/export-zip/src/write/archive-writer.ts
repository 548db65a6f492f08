import type { ByteSink, Model, Parameter } from '@tamp/core';
import { assetFolder } from '../archive-format.js';
import { sha256 } from '../checksum/sha256.js';
import { type CompressionPolicy, compress } from '../compression/compress.js';
import type { Encoding } from '../layout/encoding.js';
import type { ManifestAsset, ManifestParameter } from '../manifest/manifest.js';
import { manifestToJson } from '../manifest/write-manifest.js';
import {
  type ArchiveTools,
  checkPartBytes,
  type PackingOptions,
  policyFor,
  type WritingOptions,
} from './archive-options.js';
import { checkModel, checkParameter } from './check-model.js';
import { encodeParameter } from './encode-parameter.js';
import { createPartsWriter, partOverheadBytes, type WrittenEntry } from './parts-writer.js';
import { createStreamWriter, readExactly, type StreamWriter } from './stream-writer.js';

/** What was written as an archive. */
export interface WrittenArchive {
  /** Number of parts. */
  readonly parts: number;
  /** Size of all parts together. */
  readonly bytes: number;
  /** Every entry, the manifest last. */
  readonly entries: readonly WrittenEntry[];
}

/** Writes a model as an archive, some of its parameters before the others. */
export interface ArchiveWriter {
  readonly streams: StreamWriter;
  /** Writes a parameter after checking it, and gives how it lies in the archive. Rejects with a `TampError`. */
  add(parameter: Parameter): Promise<Encoding>;
  /**
   * Writes what was not added, and completes the archive; `added` knows the parameters that were. Rejects with a
   * `TampError` or the signal's reason, and has then dropped everything.
   */
  finish(
    model: Model,
    added: ReadonlyMap<Parameter, Encoding>,
    options: WritingOptions,
  ): Promise<WrittenArchive>;
  /** Drops everything. */
  abort(): Promise<void>;
}

/**
 * A writer that asks `openPart` for the sinks of part 0, 1, …. `totalBytes` is what the model's parameters come to, at
 * least roughly: it decides how hard to compress. Throws a `TampError` (`usage`) for an impossible `partBytes`.
 */
export function createArchiveWriter(
  openPart: (index: number) => Promise<ByteSink>,
  totalBytes: number,
  options: PackingOptions,
  tools: ArchiveTools,
): ArchiveWriter {
  const partBytes = checkPartBytes(options);
  const policy: CompressionPolicy = policyFor(options, totalBytes, tools);
  const parts = createPartsWriter(openPart, partBytes, tools.crc32);
  let bytesDone = 0;
  let tell = (): void => undefined;
  const onRead = (bytes: number): void => {
    bytesDone += bytes;
    tell();
  };
  const streams = createStreamWriter(parts, policy, Math.floor(partBytes - partOverheadBytes), onRead);

  const abort = async (): Promise<void> => {
    // No entry may still be on its way into a sink that is dropped.
    await streams.drain().catch(() => undefined);
    await parts.abort();
  };

  const writeAssets = async (model: Model): Promise<ManifestAsset[]> => {
    const assets: ManifestAsset[] = [];
    for (const [path, source] of model.assets) {
      const bytes = await readExactly(source, 0, source.byteLength);
      await parts.add(assetFolder + path, await compress(bytes, 1, policy));
      assets.push({ path, bytes: bytes.length, sha256: await sha256(bytes) });
      onRead(bytes.length);
    }
    return assets;
  };

  return {
    streams,
    abort,
    add(parameter) {
      checkParameter(parameter);
      return encodeParameter(parameter, streams);
    },
    async finish(model, added, { onProgress, signal }) {
      try {
        const modelBytes = checkModel(model);
        signal?.throwIfAborted();
        tell = () => {
          onProgress?.({ bytes: bytesDone, totalBytes: modelBytes });
          signal?.throwIfAborted();
        };
        const parameters: ManifestParameter[] = [];
        for (const parameter of model.parameters.values()) {
          const { name, shape } = parameter;
          const encoding = added.get(parameter) ?? (await encodeParameter(parameter, streams));
          parameters.push({ name, shape, encoding });
        }
        // Every entry so far is in its place before the assets come.
        await streams.drain();
        const assets = await writeAssets(model);
        const entries = await streams.finish();
        const { architecture, config, graph } = model;
        const later = await parts.closeLaterParts();
        const manifest = manifestToJson({
          architecture,
          config,
          graph,
          entries,
          parameters,
          assets,
          parts: later,
        });
        signal?.throwIfAborted();
        const bytes = await parts.finish(manifest, await compress(manifest, 1, policy));
        return { parts: later.length + 1, bytes, entries: parts.entries };
      } catch (error) {
        await abort();
        throw error;
      }
    },
  };
}
