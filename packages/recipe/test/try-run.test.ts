import '@tensorflow/tfjs-backend-cpu';
import { defineModifier, type Model, type ModifierDefinition, readParameter } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { planRecipe, prepareRecipe, type RecipeHost, tryRun } from '../src/index.js';
import { memoryHost } from './world/memory-host.js';
import { tinyModel } from './world/tiny-model.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Counts the batches it sees and the regions it rewrites. */
function watching(): { readonly definition: ModifierDefinition; readonly seen: string[] } {
  const seen: string[] = [];
  const definition = defineModifier({
    name: '@test/watch',
    description: 'Counts.',
    options: z.strictObject({}),
    create: () => ({
      needs: 'calibration',
      plan: () => ({ targets: [] }),
      observe: (region) =>
        [...region.nodes].flatMap((node) =>
          node === 'layers.0.linear'
            ? [{ node, observe: (value) => void seen.push(value.shape.join()) }]
            : [],
        ),
      async rewrite(region) {
        seen.push(region.name);
      },
    }),
  });
  return { definition, seen };
}

function hostWith(definition: ModifierDefinition, model: Model): RecipeHost {
  return {
    ...memoryHost(),
    resolveModifier: async () => definition,
    openModel: async () => ({ model, name: 'model', close: async () => undefined }),
  };
}

const recipe = `model: model
data:
  calibration: { text: eval.txt, sequenceLength: 4, samples: 40 }
  evaluation: { text: eval.txt, sequenceLength: 8, windows: 20 }
modifiers: [{ use: "@test/watch" }]
pipeline: { targets: [layers.0], batchSize: 5 }
`;

describe('a trial of a run', () => {
  it('does each part once with a few batches, and frees every tensor', async () => {
    const { definition, seen } = watching();
    const prepared = await prepareRecipe(recipe, 'recipe.yaml', hostWith(definition, tinyModel()));
    const tensors = tf.memory().numTensors;
    const tried = await tryRun(prepared);
    await prepared.close();
    expect(tf.memory().numTensors).toBe(tensors);
    for (const seconds of [tried.evaluateBefore, tried.evaluateAfter, tried.modify]) {
      expect(seconds).toBeGreaterThan(0);
    }
    expect(tried.train).toBe(0);
    // Five windows at a time, some of the 40; both parts are rewritten once.
    const windows = seen.filter((entry) => entry === '5,4,12');
    expect(windows.length).toBeGreaterThanOrEqual(2);
    expect(windows.length).toBeLessThanOrEqual(9);
    expect(seen.filter((entry) => entry !== '5,4,12')).toEqual(['before layers.0', 'layers.0']);
  });

  it('leaves the model as it was', async () => {
    const model = tinyModel();
    const before = new Map(model.parameters);
    const host = memoryHost();
    const halved = recipe.replace('@test/watch', '@test/halve');
    const prepared = await prepareRecipe(halved, 'recipe.yaml', {
      ...host,
      openModel: async () => ({ model, name: 'model', close: async () => undefined }),
    });
    await tryRun(prepared);
    await prepared.close();
    for (const [name, parameter] of model.parameters) {
      expect(parameter).toBe(before.get(name));
      expect((await readParameter(parameter)).every(Number.isFinite)).toBe(true);
    }
  });

  it('gives a plan its times, also where modifiers do not say how much they compute', async () => {
    const { definition } = watching();
    const prepared = await prepareRecipe(recipe, 'recipe.yaml', hostWith(definition, tinyModel()));
    const speed = {
      processBytes: 0,
      multiplyAddsPerSecond: 1,
      numberBytesPerSecond: 1,
      levelBytesPerSecond: 1,
    };
    const secondsOf = (tried?: Parameters<typeof planRecipe>[2]): readonly (number | null)[] =>
      planRecipe(prepared, speed, tried).phases.map(({ seconds }) => seconds);
    expect(secondsOf()[1]).toBeNull();
    expect(secondsOf({ evaluateBefore: 1, modify: 2, evaluateAfter: 3, train: 4 })).toEqual([1, 2, 3]);
    await prepared.close();
  });
});
