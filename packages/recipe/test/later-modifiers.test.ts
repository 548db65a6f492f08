import '@tensorflow/tfjs-backend-cpu';
import { defineModifier, type ModifierDefinition, TampError } from '@tamp/core';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { type PreparedRecipe, prepareRecipe, RecipeError } from '../src/index.js';
import { memoryHost } from './world/memory-host.js';

/** Plans one target by its own name, writes down what it was told, and refuses where it is told to. */
function listening(told: Record<string, readonly string[]>): ModifierDefinition<{ refuse?: boolean }> {
  return defineModifier({
    name: 'listening',
    description: 'Listens.',
    options: z.strictObject({ refuse: z.boolean().optional(), name: z.string() }),
    create: ({ refuse, name }: { readonly refuse?: boolean; readonly name: string }) => ({
      needs: 'nothing',
      plan(_model, later = []) {
        told[name] = later.map(({ layer }) => layer);
        if (refuse === true) throw new TampError(`${name} refuses`, { code: 'usage' });
        return { targets: [{ layer: name, parameter: 'p', scheme: '', bytesBefore: 0, bytesAfter: 0 }] };
      },
    }),
  }) as ModifierDefinition<{ refuse?: boolean }>;
}

function prepare(
  entries: readonly string[],
  told: Record<string, readonly string[]>,
): Promise<PreparedRecipe> {
  const text = `model: model\nmodifiers:\n${entries.map((entry) => `  - { use: listening, ${entry} }\n`).join('')}`;
  const host = { ...memoryHost(), resolveModifier: async () => listening(told) };
  return prepareRecipe(text, 'recipe.yaml', host);
}

it('tells each modifier what those after it will do, and keeps the recipe’s order', async () => {
  const told: Record<string, readonly string[]> = {};
  const prepared = await prepare(['name: first', 'name: second', 'name: third'], told);
  await prepared.close();
  expect(told).toEqual({ first: ['second', 'third'], second: ['third'], third: [] });
  expect(prepared.modifiers.map(({ plan }) => plan.targets[0].layer)).toEqual(['first', 'second', 'third']);
});

it('reports what modifiers refuse in the order of the recipe', async () => {
  const error = await prepare(
    ['name: first, refuse: true', 'name: second', 'name: third, refuse: true'],
    {},
  ).catch((reason: unknown) => reason);
  if (!(error instanceof RecipeError)) return expect.unreachable();
  expect(error.problems.map(({ problem }) => problem)).toEqual(['first refuses', 'third refuses']);
});
