import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { prepareRecipe, RecipeError } from '../src/index.js';
import { memoryHost } from './world/memory-host.js';

const cases = new URL('./cases/', import.meta.url);

async function errorOf(text: string): Promise<{ readonly error: unknown; readonly open: number }> {
  const host = memoryHost();
  try {
    const prepared = await prepareRecipe(text, 'recipe.yaml', host);
    await prepared.close();
    return { error: undefined, open: host.open.size };
  } catch (error) {
    return { error, open: host.open.size };
  }
}

/** A folder per case: the recipe, and every line that must be said about it. */
describe('wrong recipes', () => {
  for (const name of readdirSync(cases)) {
    it(name, async () => {
      const text = readFileSync(new URL(`${name}/recipe.yaml`, cases), 'utf8');
      const { error, open } = await errorOf(text);
      expect(error).toBeInstanceOf(RecipeError);
      if (!(error instanceof RecipeError)) return;
      await expect(`${error.message}\n`).toMatchFileSnapshot(new URL(`${name}/expected.txt`, cases).pathname);
      expect(error.code).toBe('usage');
      // Nothing stays open, and each problem says where it is and what to do.
      expect(open).toBe(0);
      for (const problem of error.problems) {
        expect(problem.at.file).toBe('recipe.yaml');
        expect(problem.remedy).toBeTypeOf('string');
      }
    });
  }

  it('refuses what is too long to be a recipe', async () => {
    const { error } = await errorOf(`# ${'x'.repeat(2 ** 20)}\nmodel: model\nmodifiers: []\n`);
    expect(error).toBeInstanceOf(RecipeError);
  });
});
