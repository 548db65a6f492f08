import { type ByteSource, graphToJson, type ParameterStorage } from '@tamp/core';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';

/** Bytes that are read and hashed at a time, and how many such pieces: on threads where the platform has some. */
const pieceBytes = 4 * 2 ** 20;
const piecesInFlight = 4;

function sourcesOf(storage: ParameterStorage): readonly ByteSource[] {
  switch (storage.kind) {
    case 'dense':
      return [storage.bytes];
    case 'affine':
      return [
        storage.levels,
        storage.scales.bytes,
        ...(storage.zeroPoints === undefined ? [] : [storage.zeroPoints]),
      ];
    case 'mixed-bits':
      return [storage.codes, storage.levels];
  }
}

async function digest(bytes: Uint8Array): Promise<string> {
  // A view of memory that others may write to is refused by some platforms.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice();
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', own));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The digests of a source's pieces, in order. */
async function digestsOf(source: ByteSource): Promise<readonly string[]> {
  const digests: Promise<string>[] = [];
  for (let start = 0; start < source.byteLength; start += pieceBytes) {
    if (digests.length >= piecesInFlight) await digests[digests.length - piecesInFlight];
    digests.push(digest(await source.read(start, Math.min(source.byteLength, start + pieceBytes))));
  }
  return Promise.all(digests);
}

/**
 * A key that two runs share only if what modifiers do to the model is the same in both: modifiers and their options,
 * pipeline, calibration tokens, graph, configuration, other files, and every byte of the parameters. Where intermediate
 * values live and how many windows go together changes nothing, and a limit of memory may choose otherwise the next
 * time: they are left out.
 */
export async function runKey({ recipe, model, calibration }: PreparedRecipe): Promise<string> {
  const { intermediates, batchSize, ...pipeline } = recipe.pipeline;
  const { architecture, config } = model;
  const parts: unknown[] = [recipe.modifiers, pipeline, architecture, config, graphToJson(model.graph)];
  if (calibration !== undefined) {
    const { ids, count, length } = calibration;
    parts.push(count, length, await digest(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)));
  }
  for (const [path, source] of model.assets) parts.push([path, await digestsOf(source)]);
  for (const [name, { shape, storage }] of model.parameters) {
    const digests = await Promise.all(sourcesOf(storage).map(digestsOf));
    // What a storage holds beside its bytes: scheme, number format, range.
    const described = JSON.stringify(storage, (_, value: unknown) =>
      typeof value === 'object' && value !== null && 'read' in value ? null : value,
    );
    parts.push([name, shape, described, digests]);
  }
  return digest(new TextEncoder().encode(JSON.stringify(parts)));
}
