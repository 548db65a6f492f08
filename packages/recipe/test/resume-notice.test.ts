import '@tensorflow/tfjs-backend-cpu';
import { defineModifier, type Modifier } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { prepareRecipe, runRecipe } from '../src/index.js';
import { memoryHost } from './world/memory-host.js';

beforeAll(() => tf.setBackend('cpu'));

/** What a run with `resume` says, with a modifier that has these hooks; nothing was kept of an earlier one. */
async function warnings(
  pipeline: string,
  hooks: Partial<Modifier>,
  resume = true,
): Promise<readonly string[]> {
  const definition = defineModifier({
    name: 'last-word',
    description: 'Observes.',
    options: z.strictObject({}),
    create: (): Modifier => ({
      needs: 'calibration',
      plan: () => ({ targets: [] }),
      observe: () => [],
      ...hooks,
    }),
  });
  const host = {
    ...memoryHost(),
    resolveModifier: async () => definition,
    openCheckpoint: async () => ({
      load: async () => undefined,
      save: async () => undefined,
      clear: async () => undefined,
      close: async () => undefined,
    }),
  };
  const text = `model: model
data: { calibration: { text: eval.txt, sequenceLength: 4, samples: 1 } }
modifiers: [{ use: last-word }]
pipeline: ${pipeline}
`;
  const prepared = await prepareRecipe(text, 'recipe.yaml', host);
  const said: string[] = [];
  await runRecipe(prepared, host, { resume, onWarning: (message) => said.push(message) });
  await prepared.close();
  return said.filter((message) => message.startsWith('The run starts from the beginning'));
}

const blocks = '{ targets: [layers.0] }';

it('a run that is to go on says when and why it starts over', async () => {
  const finish = async (): Promise<void> => {};
  expect(await warnings(blocks, {})).toEqual([
    'The run starts from the beginning: nothing was kept of an earlier one with the same modifiers, model and data.',
  ]);
  expect(await warnings(blocks, { finish })).toEqual([
    'The run starts from the beginning: last-word finishes after all parts, and does not save what it has seen of them.',
  ]);
  expect(await warnings(blocks, { finish, saveState: () => 1, restoreState() {} })).toEqual([
    expect.stringContaining('nothing was kept'),
  ]);
  expect(await warnings('{ kind: basic }', {})).toEqual([
    'The run starts from the beginning: the data flows through the whole model before anything is finished.',
  ]);
  expect(await warnings(blocks, { finish }, false)).toEqual([]);
});
