import {
  type AffineScheme,
  type AttributeValue,
  type DenseDtype,
  graphFromJson,
  isTampError,
  TampError,
} from '@tamp/core';
import { damagedRemedy, formatVersion, maxChunkBytes, maxNameLength } from '../archive-format.js';
import type { ArchiveLimits } from '../archive-limits.js';
import type {
  AffineEncoding,
  DenseEncoding,
  Encoding,
  MixedBitsEncoding,
  Stream,
} from '../layout/encoding.js';
import {
  anyObject,
  flag,
  type JsonReader,
  list,
  number,
  object,
  ofKind,
  oneOf,
  optional,
  text,
  textLike,
  wholeNumber,
} from './json-reader.js';
import { jsonSize } from './json-size.js';
import type { Manifest, ManifestAsset, ManifestEntry, ManifestParameter, ManifestPart } from './manifest.js';

/** Brackets within brackets, at most. */
const maxDepth = 48;

const size = wholeNumber(0);
const positive = wholeNumber(1);
const name = text(1, maxNameLength);
const digest = textLike(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal');
const dtype: JsonReader<DenseDtype> = oneOf('float32', 'bfloat16', 'float16');

const stream = object<Stream>({
  bytes: size,
  entry: optional(size),
  offset: optional(size),
  chunk: optional(wholeNumber(1, maxChunkBytes)),
});

const scheme = object<AffineScheme>({
  bits: wholeNumber(2, 8),
  symmetric: flag,
  granularity: ofKind<AffineScheme['granularity']>({
    tensor: object({ kind: oneOf('tensor') }),
    channel: object({ kind: oneOf('channel') }),
    group: object({ kind: oneOf('group'), groupSize: positive }),
  }),
});

const encoding = ofKind<Encoding>({
  dense: object<DenseEncoding>({ kind: oneOf('dense'), dtype, values: stream }),
  affine: object<AffineEncoding>({
    kind: oneOf('affine'),
    scheme,
    levels: stream,
    scaleDtype: dtype,
    scales: stream,
    zeroPoints: optional(stream),
  }),
  'mixed-bits': object<MixedBitsEncoding>({
    kind: oneOf('mixed-bits'),
    groupSize: positive,
    minBits: wholeNumber(1, 16),
    codeBits: wholeNumber(0, 4),
    minimum: number,
    maximum: number,
    codes: stream,
    levels: stream,
  }),
});

/** The manifest as it is written; the graph is checked for itself. */
interface WrittenManifest extends Omit<Manifest, 'graph' | 'parts' | 'config'> {
  readonly format: 'tamp';
  readonly version: typeof formatVersion;
  readonly config: Readonly<Record<string, unknown>>;
  readonly graph: unknown;
  readonly parts?: readonly ManifestPart[];
}

const manifest = object<WrittenManifest>({
  format: oneOf('tamp'),
  version: oneOf(formatVersion),
  architecture: text(0, maxNameLength),
  config: anyObject,
  graph: (value) => value,
  entries: list(
    object<ManifestEntry>({
      name,
      bytes: wholeNumber(0, maxChunkBytes),
      sha256: digest,
      planes: optional(oneOf(2, 4)),
    }),
  ),
  parameters: list(object<ManifestParameter>({ name, shape: list(size, 16), encoding })),
  assets: list(object<ManifestAsset>({ path: name, bytes: size, sha256: digest })),
  parts: optional(list(object<ManifestPart>({ bytes: size, sha256: digest }), 9999)),
});

function refuse(file: string, problem: string): never {
  throw new TampError(problem, { code: 'format', at: { file }, remedy: damagedRemedy });
}

function parseJson(file: string, bytes: Uint8Array, limits: ArchiveLimits): unknown {
  const { depth, values } = jsonSize(bytes);
  if (depth > maxDepth) refuse(file, `the manifest is nested ${depth} deep`);
  if (values > limits.manifestValues) refuse(file, `the manifest holds ${values} values`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new TampError('the manifest is not JSON', {
      code: 'format',
      at: { file },
      remedy: damagedRemedy,
      cause,
    });
  }
}

/**
 * Reads a manifest whose checksum agrees and that may still be hostile: every field is checked, and the graph is
 * linted. What its sizes refer to is the caller's to check. Throws a `TampError` (`format`, or `unsupported` for an
 * operator that is not registered).
 */
export function parseManifest(file: string, bytes: Uint8Array, limits: ArchiveLimits): Manifest {
  const json = parseJson(file, bytes, limits);
  try {
    const { graph, parts = [], architecture, config, entries, parameters, assets } = manifest(json, '');
    return {
      graph: graphFromJson(graph),
      parts,
      architecture,
      // From JSON, so its values can be nothing else.
      config: config as Readonly<Record<string, AttributeValue>>,
      entries,
      parameters,
      assets,
    };
  } catch (error) {
    throw isTampError(error) ? error.located({ file }) : error;
  }
}
