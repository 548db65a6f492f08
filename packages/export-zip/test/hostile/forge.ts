import { bytesOf, type Model, memorySink } from '@tamp/core';
import { unzipSync } from 'fflate';
import { sha256 } from '../../src/checksum/sha256.js';
import { type CompressionPolicy, compress } from '../../src/compression/compress.js';
import type { ManifestParameter } from '../../src/manifest/manifest.js';
import { manifestToJson } from '../../src/manifest/write-manifest.js';
import { encodeParameter } from '../../src/write/encode-parameter.js';
import { createPartsWriter } from '../../src/write/parts-writer.js';
import { createStreamWriter } from '../../src/write/stream-writer.js';

const deflating: CompressionPolicy = { store: false, level: 6, leastSaving: 0.03 };

export const storing: CompressionPolicy = { store: true, level: 6, leastSaving: 0 };

export type Files = readonly (readonly [string, Uint8Array])[];

/** An archive of these entries and this manifest, with every checksum right, whatever they say. */
export async function forge(
  files: Files,
  manifest: Uint8Array,
  policy: CompressionPolicy = deflating,
): Promise<Uint8Array<ArrayBuffer>> {
  const sink = memorySink();
  const parts = createPartsWriter(async () => sink, 4_000_000_000);
  for (const [name, contents] of files) await parts.add(name, await compress(contents, 1, policy));
  await parts.finish(manifest, await compress(manifest, 1, policy));
  return sink.bytes();
}

/** The entries of an archive and its manifest apart. */
export function takeApart(archive: Uint8Array): { files: Files; manifest: Uint8Array } {
  const { 'manifest.json': manifest, ...files } = unzipSync(archive);
  return { files: Object.entries(files), manifest };
}

/** An archive whose bytes were changed outside the entries' data, with the checksum set right again. */
export async function reseal(archive: Uint8Array, manifest: Uint8Array): Promise<Uint8Array> {
  const comment = new TextEncoder().encode(`tamp 1 ${'0'.repeat(64)}`).length;
  const end = archive.length - comment - 22;
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const directory = archive.subarray(view.getUint32(end + 16, true), end);
  const digest = await sha256(Uint8Array.of(...manifest, ...directory));
  const sealed = archive.slice();
  sealed.set(new TextEncoder().encode(digest), archive.length - 64);
  return sealed;
}

/** An archive whose large parameters lie in chunks of at most `chunkBytes`, as in a model of many GB. */
export async function inSmallChunks(model: Model, chunkBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const sink = memorySink();
  const parts = createPartsWriter(async () => sink, 4_000_000_000);
  const streams = createStreamWriter(parts, deflating, chunkBytes, () => {});
  const parameters: ManifestParameter[] = [];
  for (const parameter of model.parameters.values()) {
    const { name, shape } = parameter;
    parameters.push({ name, shape, encoding: await encodeParameter(parameter, streams) });
  }
  const entries = await streams.finish();
  const { graph, architecture, config } = model;
  const manifest = manifestToJson({
    graph,
    architecture,
    config,
    entries,
    parameters,
    assets: [],
    parts: [],
  });
  await parts.finish(manifest, await compress(manifest, 1, deflating));
  return sink.bytes();
}

/** An archive in memory as a source. */
export const source = (archive: Uint8Array) => bytesOf(archive, 'model.tamp.zip');
