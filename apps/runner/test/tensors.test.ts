import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareRecipe, runRecipe } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Backend, startBackend } from '../src/backend.js';
import { createNodeHost } from '../src/host/node-host.js';
import { makeTinyFolder } from './world/tiny-folder.js';

let folder: string;
let backend: Backend;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-tensors-'));
  makeTinyFolder(folder);
  backend = await startBackend(2);
});
afterAll(() => {
  backend.stop();
  rmSync(folder, { recursive: true, force: true });
});

const modifiers = {
  'weight-only': '{ use: "@tamp/weight-only", ignore: [lm_head], weights: { bits: 3, groupSize: 16 } }',
  'int8-linear': '{ use: "@tamp/int8-linear", ignore: [lm_head] }',
  'int8-linear, static': '{ use: "@tamp/int8-linear", ignore: [lm_head], activation: { kind: static } }',
};

it.each(Object.entries(modifiers))('a run with %s frees every tensor it made', async (_, modifier) => {
  const text = `model: ./model
data:
  calibration: { text: eval.txt, sequenceLength: 32, samples: 3 }
  evaluation: { text: eval.txt, sequenceLength: 32, windows: 3 }
modifiers: [${modifier}]
export: [{ to: out/model.tamp.zip }]
`;
  const host = createNodeHost({ folder });
  const tensors = tf.memory().numTensors;
  const prepared = await prepareRecipe(text, 'recipe.yaml', host);
  try {
    const { result } = await runRecipe(prepared, host);
    expect(result.artifacts).toHaveLength(1);
  } finally {
    await prepared.close();
  }
  expect(tf.memory().numTensors).toBe(tensors);
});
