import { type AffineScheme, type AttributeValue, graphFromJson, isTampError, TampError } from '@tamp/core';
import { z } from 'zod';
import { damagedRemedy, formatVersion, maxChunkBytes, maxNameLength } from '../archive-format.js';
import type { ArchiveLimits } from '../archive-limits.js';
import type { Encoding } from '../layout/encoding.js';
import { jsonSize } from './json-size.js';
import type { Manifest } from './manifest.js';

/** Brackets within brackets, at most. */
const maxDepth = 48;

const size = z.int().min(0);
const name = z.string().min(1).max(maxNameLength);
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hexadecimal');
const dtype = z.enum(['float32', 'bfloat16', 'float16']);

const stream = z.strictObject({
  bytes: size,
  entry: size.optional(),
  offset: size.optional(),
  chunk: z.int().min(1).max(maxChunkBytes).optional(),
});

const scheme: z.ZodType<AffineScheme> = z.strictObject({
  bits: z.int().min(2).max(8),
  symmetric: z.boolean(),
  granularity: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('tensor') }),
    z.strictObject({ kind: z.literal('channel') }),
    z.strictObject({ kind: z.literal('group'), groupSize: z.int().min(1) }),
  ]),
});

const encoding: z.ZodType<Encoding> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dense'), dtype, values: stream }),
  z.strictObject({
    kind: z.literal('affine'),
    scheme,
    levels: stream,
    scaleDtype: dtype,
    scales: stream,
    zeroPoints: stream.optional(),
  }),
  z.strictObject({
    kind: z.literal('mixed-bits'),
    groupSize: z.int().min(1),
    minBits: z.int().min(1).max(16),
    codeBits: z.int().min(0).max(4),
    minimum: z.number(),
    maximum: z.number(),
    codes: stream,
    levels: stream,
  }),
]);

const plainObject = z.custom<Readonly<Record<string, AttributeValue>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'is not an object',
);

const manifest = z.strictObject({
  format: z.literal('tamp'),
  version: z.literal(formatVersion),
  architecture: z.string().max(maxNameLength),
  config: plainObject,
  graph: z.unknown(),
  entries: z.array(
    z.strictObject({
      name,
      bytes: size.max(maxChunkBytes),
      sha256: digest,
      planes: z.union([z.literal(2), z.literal(4)]).optional(),
    }),
  ),
  parameters: z.array(z.strictObject({ name, shape: z.array(size).max(16), encoding })),
  assets: z.array(z.strictObject({ path: name, bytes: size, sha256: digest })),
  parts: z
    .array(z.strictObject({ bytes: size, sha256: digest }))
    .max(9999)
    .optional(),
});

function refuse(file: string, problem: string): never {
  throw new TampError(problem, { code: 'format', at: { file }, remedy: damagedRemedy });
}

function parseJson(file: string, text: Uint8Array, limits: ArchiveLimits): unknown {
  const { depth, values } = jsonSize(text);
  if (depth > maxDepth) refuse(file, `the manifest is nested ${depth} deep`);
  if (values > limits.manifestValues) refuse(file, `the manifest holds ${values} values`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text));
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
export function parseManifest(file: string, text: Uint8Array, limits: ArchiveLimits): Manifest {
  const result = manifest.safeParse(parseJson(file, text, limits));
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = issue.path.length === 0 ? '' : ` at ${issue.path.map(String).join('.').slice(0, 200)}`;
    return refuse(file, `malformed manifest${where}: ${issue.message.slice(0, 200)}`);
  }
  const { graph, parts = [], architecture, config, entries, parameters, assets } = result.data;
  try {
    return { graph: graphFromJson(graph), parts, architecture, config, entries, parameters, assets };
  } catch (error) {
    throw isTampError(error) ? error.located({ file }) : error;
  }
}
