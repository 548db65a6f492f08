import '@tensorflow/tfjs-backend-cpu';
import { bytesOf, type Model, readAll } from '@tamp/core';
import { memoryStorage } from '@tamp/sequential-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { prepareRecipe } from '../src/index.js';
import { runKey } from '../src/run/run-key.js';
import { memoryHost } from './world/memory-host.js';
import { tinyModel } from './world/tiny-model.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const recipe = `model: model
data: { calibration: { text: eval.txt, sequenceLength: 4, samples: 3 } }
modifiers: [{ use: "@test/count" }]
pipeline: { targets: [layers.0] }
`;

async function keyOf(text: string, model: Model = tinyModel(), calibration?: string): Promise<string> {
  const host = memoryHost();
  const prepared = await prepareRecipe(text, 'recipe.yaml', {
    ...host,
    openModel: async () => ({ model, name: 'model', close: async () => undefined }),
    openScratch: async () => memoryStorage(),
    readText: calibration === undefined ? host.readText : async () => calibration,
  });
  await prepared.close();
  return runKey(prepared);
}

/** The model with one byte of one parameter changed. */
async function withByte(name: string, at: number): Promise<Model> {
  const model = tinyModel();
  const parameter = model.parameters.get(name);
  if (parameter?.storage.kind !== 'dense') return expect.unreachable();
  const bytes = (await readAll(parameter.storage.bytes)).slice();
  bytes[at] ^= 1;
  const changed = { ...parameter, storage: { ...parameter.storage, bytes: bytesOf(bytes) } };
  return { ...model, parameters: new Map([...model.parameters, [name, changed]]) };
}

it('is the same for the same run, from whatever place the bytes come', async () => {
  const copy = await withByte('lm_head.weight', 7);
  expect(await keyOf(recipe)).toBe(await keyOf(recipe));
  expect(await keyOf(recipe, copy)).toBe(await keyOf(recipe, await withByte('lm_head.weight', 7)));
  // Comments change nothing, nor does where values between two parts live or how many windows go together: a limit of
  // memory may choose otherwise.
  const disk = recipe.replace('[layers.0]', '[layers.0], intermediates: disk, batchSize: 1');
  expect(await keyOf(`# a comment\n${disk}`)).toBe(await keyOf(recipe));
});

it('differs when any byte of a parameter does, the middle ones too', async () => {
  const keys = [await keyOf(recipe)];
  for (const name of ['embed.weight', 'layers.0.weight', 'lm_head.weight']) {
    for (const at of [0, 1, 100, 287, 288, 575]) keys.push(await keyOf(recipe, await withByte(name, at)));
  }
  expect(new Set(keys).size).toBe(keys.length);
});

it('differs with configuration, files, text, modifiers and pipeline', async () => {
  const model = tinyModel();
  const asset = (byte: number): Model => ({
    ...model,
    assets: new Map([['a', bytesOf(Uint8Array.of(byte))]]),
  });
  const keys = [
    await keyOf(recipe),
    await keyOf(recipe, { ...model, config: { max_position_embeddings: 31 } }),
    await keyOf(recipe, asset(1)),
    await keyOf(recipe, asset(2)),
    await keyOf(recipe, model, 'abcdefghijkm'),
    await keyOf(recipe, model, 'bbcdefghijkl'),
    await keyOf(recipe.replace('samples: 3', 'samples: 2')),
    await keyOf(recipe.replace('sequenceLength: 4', 'sequenceLength: 3')),
    await keyOf(recipe.replace('pipeline: {', 'pipeline: { propagateError: false,')),
    await keyOf(
      recipe.replace('[{ use: "@test/count" }]', '[{ use: "@test/count" }, { use: "@test/halve" }]'),
    ),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});
