import { type ByteSource, isTampError, type Model, type Parameter, TampError } from '@tamp/core';
import { assetFolder, damagedRemedy, formatVersion, manifestName } from './archive-format.js';
import { type ArchiveLimits, defaultLimits } from './archive-limits.js';
import { sha256 } from './checksum/sha256.js';
import type { Stream } from './layout/encoding.js';
import { storageOf } from './layout/storage.js';
import { checkManifest, chunkCount } from './manifest/check-manifest.js';
import type { Manifest } from './manifest/manifest.js';
import { parseManifest } from './manifest/parse-manifest.js';
import { createEntryReader, type EntryReader, type VerifiedEntry } from './read/entry-reader.js';
import { createEntryTable, type EntryTable } from './read/entry-table.js';
import { streamSource } from './read/stream-source.js';
import { laterPartComment } from './zip/end-record.js';
import { readDirectory, readTail } from './zip/read-directory.js';
import { type LocatedEntry, readEntry } from './zip/read-entry.js';

/** Options of {@link openArchive}. */
export interface OpenArchiveOptions {
  /**
   * Gives part 1, 2, … of an archive in several parts; it is called once for each while the archive is opened.
   * See `partName` for how they are named beside the first.
   */
  readonly openPart?: (index: number) => Promise<ByteSource>;
  /** Caps on what the archive may make the reader allocate. */
  readonly limits?: Partial<ArchiveLimits>;
}

function refuse(file: string, problem: string): never {
  throw new TampError(problem, { code: 'format', at: { file }, remedy: damagedRemedy });
}

/** The checksum in the first part's comment. Throws for another version and for a later part. */
function checksumOf(file: string, comment: string): string {
  const fields = /^tamp (\d{1,9}) (?:part (\d{1,9})|([0-9a-f]{64}))$/.exec(comment);
  if (fields === null) {
    throw new TampError('is a ZIP file but not a tamp archive', {
      code: 'format',
      at: { file },
      remedy: 'Name an archive that tamp wrote, unchanged: repacking it drops its checksum.',
    });
  }
  const [, version, part, checksum] = fields;
  if (Number(version) !== formatVersion) {
    throw new TampError(
      `is a tamp archive of version ${version}; this release reads version ${formatVersion}`,
      {
        code: 'unsupported',
        at: { file },
        remedy: 'Use a release of tamp that knows this version, or export the model again.',
      },
    );
  }
  if (part !== undefined) {
    throw new TampError(`is part ${part} of an archive`, {
      code: 'format',
      at: { file },
      remedy: 'Name the first part; the others are found beside it.',
    });
  }
  return checksum;
}

/** Reads the first part's directory and manifest and verifies both. */
async function readFirstPart(
  source: ByteSource,
  limits: ArchiveLimits,
): Promise<{ readonly manifest: Manifest; readonly entries: readonly LocatedEntry[] }> {
  const file = source.label;
  const part = await readTail(source);
  const directory = await readDirectory(part);
  const checksum = checksumOf(file, directory.comment);
  const last = directory.entries.at(-1);
  if (last?.name !== manifestName) return refuse(file, `its last entry is not ${manifestName}`);
  if (last.bytes > limits.manifestBytes) {
    refuse(file, `the manifest of ${last.bytes} bytes is larger than the limit of ${limits.manifestBytes}`);
  }
  const text = await readEntry({ part, entry: last });
  const covered = new Uint8Array(text.length + directory.bytes.length);
  covered.set(text);
  covered.set(directory.bytes, text.length);
  if ((await sha256(covered)) !== checksum) {
    refuse(file, 'the manifest or the central directory does not have its SHA-256');
  }
  const entries = directory.entries.slice(0, -1).map((entry) => ({ part: source, entry }));
  return { manifest: parseManifest(file, text, limits), entries };
}

/** Reads the directory of a later part and verifies it. */
async function readLaterPart(
  source: ByteSource,
  index: number,
  expected: Manifest['parts'][number],
): Promise<readonly LocatedEntry[]> {
  const file = source.label;
  if (source.byteLength !== expected.bytes) {
    refuse(file, `has ${source.byteLength} bytes, but part ${index} of the archive has ${expected.bytes}`);
  }
  const directory = await readDirectory(await readTail(source));
  if (directory.comment !== laterPartComment(index) || (await sha256(directory.bytes)) !== expected.sha256) {
    refuse(file, `is not part ${index} of this archive`);
  }
  return directory.entries.map((entry) => ({ part: source, entry }));
}

function modelOf(manifest: Manifest, table: EntryTable, reader: EntryReader): Model {
  const entries = manifest.entries.map((entry): VerifiedEntry => {
    const { name, bytes, sha256: digest } = entry;
    return { ...table.take(name, bytes), sha256: digest, planes: entry.planes ?? 1 };
  });
  const sourceOf = (label: string, stream: Stream): ByteSource => {
    const { bytes, entry = 0, offset = 0, chunk } = stream;
    const own = entries.slice(entry, entry + chunkCount(stream));
    return streamSource(
      { label, at: { layer: label }, bytes, entries: own, offset, chunk: chunk ?? Math.max(1, bytes) },
      reader,
    );
  };
  const parameters = manifest.parameters.map(
    ({ name, shape, encoding }): Parameter => ({
      name,
      shape,
      storage: storageOf(encoding, (stream) => sourceOf(name, stream)),
    }),
  );
  const assets = manifest.assets.map(({ path, bytes, sha256: digest }): [string, ByteSource] => {
    const entry: VerifiedEntry = { ...table.take(assetFolder + path, bytes), sha256: digest, planes: 1 };
    const chunk = Math.max(1, bytes);
    return [path, streamSource({ label: path, at: {}, bytes, entries: [entry], offset: 0, chunk }, reader)];
  });
  table.checkEmpty();
  const { graph, architecture, config } = manifest;
  return {
    graph,
    architecture,
    config,
    parameters: new Map(parameters.map((parameter) => [parameter.name, parameter])),
    assets: new Map(assets),
  };
}

/**
 * Opens a `.tamp.zip` as a model. Only the central directory and the manifest are read now, and verified; a parameter
 * or an asset is read, inflated and verified (SHA-256) when it is first used, by the ranges that are asked for. The
 * source must stay readable as long as the model is used.
 *
 * Throws a `TampError`: `format` for a file that is damaged, cut short, altered or no tamp archive, `unsupported` for
 * another version of the format or an operator that is not registered, `usage` when the archive has several parts and
 * `openPart` is missing, `io` from the source. Reads of parameters and assets reject with the same errors.
 */
export async function openArchive(source: ByteSource, options: OpenArchiveOptions = {}): Promise<Model> {
  const limits: ArchiveLimits = { ...defaultLimits, ...options.limits };
  const { manifest, entries: first } = await readFirstPart(source, limits);
  try {
    checkManifest(manifest, limits);
  } catch (error) {
    throw isTampError(error) ? error.located({ file: source.label }) : error;
  }
  const located = [...first];
  if (manifest.parts.length > 0 && options.openPart === undefined) {
    throw new TampError(`is the first of ${manifest.parts.length + 1} parts`, {
      code: 'usage',
      at: { file: source.label },
      remedy: 'Give openPart, which opens the others.',
    });
  }
  for (const [i, expected] of manifest.parts.entries()) {
    const part = await options.openPart?.(i + 1);
    if (part !== undefined) located.push(...(await readLaterPart(part, i + 1, expected)));
  }
  return modelOf(manifest, createEntryTable(source.label, located), createEntryReader(limits.cacheBytes));
}
