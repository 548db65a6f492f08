import { elementCount, type Graph, isTampError, TampError } from '@tamp/core';
import { assetFolder, damagedRemedy, manifestName } from '../archive-format.js';
import type { ArchiveLimits } from '../archive-limits.js';
import { assetPathProblem } from '../asset-path.js';
import { type Encoding, type Stream, streamSizes } from '../layout/encoding.js';
import type { Manifest, ManifestEntry, ManifestParameter } from './manifest.js';

function refuse(problem: string, layer?: string): never {
  throw new TampError(problem, {
    code: 'format',
    ...(layer === undefined ? {} : { at: { layer } }),
    remedy: damagedRemedy,
  });
}

/** The streams of an encoding by what they hold. */
function streamsOf(encoding: Encoding): Readonly<Record<string, Stream>> {
  switch (encoding.kind) {
    case 'dense':
      return { values: encoding.values };
    case 'affine': {
      const { levels, scales, zeroPoints } = encoding;
      return { levels, scales, ...(zeroPoints === undefined ? {} : { zeroPoints }) };
    }
    case 'mixed-bits':
      return { codes: encoding.codes, levels: encoding.levels };
  }
}

/** Entries a stream takes. */
export function chunkCount(stream: Stream): number {
  if (stream.bytes === 0) return 0;
  return stream.chunk === undefined ? 1 : Math.ceil(stream.bytes / stream.chunk);
}

function checkStream(
  stream: Stream,
  entries: readonly ManifestEntry[],
  used: Set<number>,
  parameter: string,
): void {
  const { bytes, entry, offset = 0, chunk } = stream;
  if (bytes === 0) {
    if (entry !== undefined) refuse('an empty stream names an entry', parameter);
    return;
  }
  if (entry === undefined) refuse('a stream names no entry', parameter);
  const count = chunkCount(stream);
  if (entry + count > entries.length) refuse('a stream names entries that the manifest lacks', parameter);
  if (chunk === undefined) {
    if (offset + bytes > entries[entry].bytes)
      refuse(`a stream reaches beyond ${entries[entry].name}`, parameter);
    used.add(entry);
    return;
  }
  if (offset !== 0) refuse('a stream in chunks starts within an entry', parameter);
  for (let i = 0; i < count; i++) {
    const expected = Math.min(chunk, bytes - i * chunk);
    const { name, bytes: actual } = entries[entry + i];
    if (actual !== expected) refuse(`${name} holds ${actual} bytes, not ${expected}`, parameter);
    used.add(entry + i);
  }
}

function checkParameter(
  { name, shape, encoding }: ManifestParameter,
  entries: readonly ManifestEntry[],
  used: Set<number>,
): void {
  if (!Number.isSafeInteger(elementCount(shape) * 8)) {
    refuse(`the shape [${shape.join(', ')}] is too large`, name);
  }
  const sizes = streamSizes(name, shape, encoding);
  const streams = streamsOf(encoding);
  for (const role of new Set([...Object.keys(sizes), ...Object.keys(streams)])) {
    if (!Object.hasOwn(sizes, role)) refuse(`has ${role}, which its encoding has not`, name);
    if (!Object.hasOwn(streams, role)) refuse(`lacks its ${role}`, name);
    const [fewest, most] = sizes[role];
    const { bytes } = streams[role];
    if (bytes < fewest || bytes > most) {
      refuse(`its ${role} have ${bytes} bytes, which the shape [${shape.join(', ')}] does not allow`, name);
    }
    checkStream(streams[role], entries, used, name);
  }
}

/** Throws unless every parameter the graph uses is there with the graph's shape. `refuse` makes the error. */
export function checkGraphParameters(
  graph: Graph,
  shapes: ReadonlyMap<string, readonly number[]>,
  refuse: (problem: string, layer: string) => never,
): void {
  for (const node of graph.nodes) {
    if (node.kind !== 'parameter') continue;
    const shape = shapes.get(node.parameter);
    if (shape === undefined) refuse('the graph uses this parameter, but the model lacks it', node.parameter);
    const { dtype, shape: expected } = node.type;
    if (dtype !== 'float32' || expected.join() !== shape.join()) {
      refuse(
        `its shape is [${shape.join(', ')}], but the graph expects ${dtype} [${expected.join(', ')}]`,
        node.parameter,
      );
    }
  }
}

/**
 * Checks that a manifest agrees with itself: names are unique and safe, streams have the sizes their shapes ask for
 * and lie within their entries, every entry is used, and the graph's parameters are there. Throws a `TampError`.
 */
export function checkManifest(manifest: Manifest, limits: ArchiveLimits): void {
  const names = new Set<string>([manifestName]);
  const claim = (name: string): void => {
    if (names.has(name)) refuse(`the manifest lists the entry ${name} twice`);
    names.add(name);
  };
  for (const { name, bytes, planes } of manifest.entries) {
    claim(name);
    if (planes !== undefined && bytes % planes !== 0) refuse(`${name} does not divide into ${planes} planes`);
  }
  for (const { path, bytes } of manifest.assets) {
    const problem = assetPathProblem(path);
    if (problem !== undefined) refuse(`the asset path ${JSON.stringify(path.slice(0, 80))} ${problem}`);
    claim(assetFolder + path);
    if (bytes > limits.assetBytes) {
      refuse(`the asset ${path} of ${bytes} bytes is larger than the limit of ${limits.assetBytes}`);
    }
  }
  const used = new Set<number>();
  const shapes = new Map<string, readonly number[]>();
  for (const parameter of manifest.parameters) {
    if (shapes.has(parameter.name)) refuse('the manifest lists the parameter twice', parameter.name);
    shapes.set(parameter.name, parameter.shape);
    try {
      checkParameter(parameter, manifest.entries, used);
    } catch (error) {
      // A scheme that does not fit is a damaged file here, not a wrong option.
      if (isTampError(error) && error.code === 'usage') refuse(error.problem, parameter.name);
      throw error;
    }
  }
  const unused = manifest.entries.findIndex((_, index) => !used.has(index));
  if (unused !== -1) refuse(`no parameter uses the entry ${manifest.entries[unused].name}`);
  checkGraphParameters(manifest.graph, shapes, refuse);
}
