import { type ByteSink, type Model, TampError } from '@tamp/core';
import { assetFolder } from './archive-format.js';
import { type Crc32, crc32 } from './checksum/crc32.js';
import { sha256 } from './checksum/sha256.js';
import { type CompressionPolicy, compress, type Deflate } from './compression/compress.js';
import type { ManifestAsset, ManifestParameter } from './manifest/manifest.js';
import { manifestToJson } from './manifest/write-manifest.js';
import { checkModel } from './write/check-model.js';
import { encodeParameter } from './write/encode-parameter.js';
import {
  createPartsWriter,
  type PartsWriter,
  partOverheadBytes,
  type WrittenEntry,
} from './write/parts-writer.js';
import { createStreamWriter, readExactly } from './write/stream-writer.js';

/** Options of {@link writeArchive}. */
export interface WriteArchiveOptions {
  /**
   * `auto` (default) deflates an entry where that saves enough: 3% of it in models below 64 MiB, 15% by a sample in
   * larger ones, where inflating costs time. `store` never deflates; `smallest` takes whatever is smallest.
   */
  readonly compression?: 'auto' | 'store' | 'smallest';
  /**
   * A part is closed when it holds this many bytes; the manifest comes on top in the first one. 64 KiB to
   * 4,000,000,000 (default): a ZIP without extensions ends at 4 GiB.
   */
  readonly partBytes?: number;
  /** Told after each chunk how many of the model's bytes have been written. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly totalBytes: number }) => void;
  /** Aborting it rejects with its reason, between two chunks. */
  readonly signal?: AbortSignal;
}

/** What {@link writeArchive} wrote. */
export interface WrittenArchive {
  /** Number of parts. */
  readonly parts: number;
  /** Size of all parts together. */
  readonly bytes: number;
  /** Every entry, the manifest last. */
  readonly entries: readonly WrittenEntry[];
}

const smallestPartBytes = 64 * 2 ** 10;
const largestPartBytes = 4_000_000_000;
/** Below this, time does not matter and every saving is worth having. */
const smallModelBytes = 64 * 2 ** 20;

/** What a platform computes faster than JavaScript does. */
export interface ArchiveTools {
  readonly crc32: Crc32;
  /**
   * For the numbers of large models, where time matters. Small archives are deflated by fflate everywhere, and so have
   * the same bytes on every platform.
   */
  readonly deflateNumbers?: Deflate;
}

function policyFor(
  compression: 'auto' | 'store' | 'smallest',
  totalBytes: number,
  { deflateNumbers }: ArchiveTools,
): CompressionPolicy {
  switch (compression) {
    case 'store':
      return { store: true, level: 6, leastSaving: 0 };
    case 'smallest':
      return { store: false, level: 9, leastSaving: 0 };
    case 'auto':
      return totalBytes < smallModelBytes
        ? { store: false, level: 6, leastSaving: 0.03 }
        : {
            store: false,
            level: 6,
            leastSaving: 0.15,
            sampleBytes: 64 * 2 ** 10,
            ...(deflateNumbers === undefined ? {} : { deflate: deflateNumbers }),
          };
  }
}

async function writeAssets(
  model: Model,
  parts: PartsWriter,
  policy: CompressionPolicy,
  onRead: (bytes: number) => void,
): Promise<ManifestAsset[]> {
  const assets: ManifestAsset[] = [];
  for (const [path, source] of model.assets) {
    const bytes = await readExactly(source, 0, source.byteLength);
    await parts.add(assetFolder + path, await compress(bytes, 1, policy));
    assets.push({ path, bytes: bytes.length, sha256: await sha256(bytes) });
    onRead(bytes.length);
  }
  return assets;
}

/**
 * Writes a model as a `.tamp.zip`. Parameters are streamed: at most three chunks of up to 8 MiB are in memory at a
 * time. `openPart(0)` gives the sink of the archive and `openPart(1)`, … those of further parts, asked for only when
 * the model does not fit one. All are finished at the end, the first one last, or all aborted.
 *
 * The same model gives the same bytes. Throws a `TampError`: `data` for a model that an archive cannot hold, `usage`
 * for an impossible `partBytes`, `io` from sources and sinks; or the signal's reason.
 */
export function writeArchive(
  model: Model,
  openPart: (index: number) => Promise<ByteSink>,
  options: WriteArchiveOptions = {},
): Promise<WrittenArchive> {
  return writeArchiveWith(model, openPart, options, { crc32 });
}

/** {@link writeArchive} with what the platform has. */
export async function writeArchiveWith(
  model: Model,
  openPart: (index: number) => Promise<ByteSink>,
  options: WriteArchiveOptions,
  tools: ArchiveTools,
): Promise<WrittenArchive> {
  const { compression = 'auto', partBytes = largestPartBytes, onProgress, signal } = options;
  if (!(partBytes >= smallestPartBytes && partBytes <= largestPartBytes)) {
    throw new TampError(`parts of ${partBytes} bytes are not possible`, {
      code: 'usage',
      remedy: `Choose ${smallestPartBytes} to ${largestPartBytes} for partBytes.`,
    });
  }
  const totalBytes = checkModel(model);
  signal?.throwIfAborted();
  const policy = policyFor(compression, totalBytes, tools);
  const parts = createPartsWriter(openPart, partBytes, tools.crc32);
  let bytesDone = 0;
  const onRead = (bytes: number): void => {
    bytesDone += bytes;
    onProgress?.({ bytes: bytesDone, totalBytes });
    signal?.throwIfAborted();
  };
  const streams = createStreamWriter(parts, policy, Math.floor(partBytes - partOverheadBytes), onRead);
  try {
    const parameters: ManifestParameter[] = [];
    for (const parameter of model.parameters.values()) {
      const { name, shape } = parameter;
      parameters.push({ name, shape, encoding: await encodeParameter(parameter, streams) });
    }
    // Every entry so far is in its place before the assets come.
    await streams.drain();
    const assets = await writeAssets(model, parts, policy, onRead);
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
    // No entry may still be on its way into a sink that is dropped.
    await streams.drain().catch(() => undefined);
    await parts.abort();
    throw error;
  }
}
