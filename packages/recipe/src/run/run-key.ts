import { type ByteSource, graphToJson, type ParameterStorage } from '@tamp/core';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';

/** Bytes at either end of a stored array that tell it from others of the same size. */
const sampleBytes = 4096;

async function sampleOf(source: ByteSource): Promise<Uint8Array> {
  const first = await source.read(0, Math.min(sampleBytes, source.byteLength));
  const last = await source.read(Math.max(0, source.byteLength - sampleBytes), source.byteLength);
  const sample = new Uint8Array(first.byteLength + last.byteLength);
  sample.set(first);
  sample.set(last, first.byteLength);
  return sample;
}

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
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A key that two runs share only if what a calibration does to the model is the same in both: modifiers and their
 * options, pipeline, calibration tokens, graph, and the parameters by name, shape, size and the bytes at their ends.
 */
export async function runKey({ recipe, model, calibration }: PreparedRecipe): Promise<string> {
  const parts: unknown[] = [recipe.modifiers, recipe.pipeline, graphToJson(model.graph), calibration?.length];
  if (calibration !== undefined) parts.push(await digest(bytesOfIds(calibration.ids)));
  for (const [name, { shape, storage }] of model.parameters) {
    for (const source of sourcesOf(storage)) {
      parts.push([name, shape, storage.kind, source.byteLength, await digest(await sampleOf(source))]);
    }
  }
  return digest(new TextEncoder().encode(JSON.stringify(parts)));
}

function bytesOfIds(ids: Int32Array): Uint8Array {
  return new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
}
