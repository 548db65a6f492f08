import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath, readJsonFixture } from '@tamp/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

/** The example recipes, what LLM Compressor calls the same, and how near the perplexity must be. */
const recipes = [
  { recipe: 'w8a8', reference: 'rtn-w8a8', tolerance: 0.02 },
  { recipe: 'w4a16', reference: 'rtn-w4a16-g64', tolerance: 0.02 },
  // 3 bits leave so few levels that a single rounding tie moves the third digit.
  { recipe: 'w3a16', reference: 'rtn-w3a16-g64', tolerance: 0.05 },
];

/** Recipes that calibrate, and the most perplexity they may have. */
const calibrated = [
  { recipe: 'gptq-w3a16', reference: 'gptq-w3a16-g64' },
  // It has no AWQ: what rounding alone reaches there.
  { recipe: 'awq-w4a16', reference: 'rtn-w4a16-g64' },
];
const mostMemory = 500_000_000;
/** What one run takes, several times over. */
const timeout = 600_000;

interface Reference {
  readonly perplexity_before: number;
  readonly perplexity_after: number;
}

const { results } = readJsonFixture<{
  readonly results: Readonly<Record<string, Readonly<Record<string, Reference>>>>;
}>('llm-quality.json');
const references = results['tiny-llama'];
const text = fixturePath('tiny-llama', 'eval.txt');
const calibration = fixturePath('tiny-llama', 'calibration.txt');
const examples = new URL('../../../examples/tiny-llama/', import.meta.url);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-quality-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An example's recipe for the reference model, without its reports. */
function writeRecipe(name: string): string {
  const file = `${name}.yaml`;
  const example = readFileSync(new URL(file, examples), 'utf8');
  writeFileSync(
    join(folder, file),
    example
      .replace('./model', JSON.stringify(fixturePath('tiny-llama')))
      .replace('text: calibration.txt', `text: ${JSON.stringify(calibration)}`)
      .replace('text: eval.txt', `text: ${JSON.stringify(text)}`)
      .replace(/^report:.*$/m, ''),
  );
  return file;
}

/** Writes an example's recipe with other modifiers in front, and without gates, which need an evaluation. */
function writeUngated(name: string, before = ''): string {
  const file = writeRecipe(name);
  const recipe = readFileSync(join(folder, file), 'utf8');
  writeFileSync(
    join(folder, file),
    recipe.replace('modifiers:\n', `modifiers:\n${before}`).replace(/^gates:[\s\S]*/m, ''),
  );
  return file;
}

async function perplexityOf(model: string): Promise<number> {
  const { code, stdout, stderr } = await tamp(['eval', model, '--text', text, '--json', '--quiet'], {
    cwd: folder,
  });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout).perplexity;
}

/** The perplexity of the archive that an example's recipe writes, with other modifiers in front. */
async function compressedPerplexity(recipe: string, before?: string): Promise<number> {
  const file = writeUngated(recipe, before);
  expect((await tamp(['run', file, '--no-eval', '--quiet'], { cwd: folder })).code).toBe(0);
  return perplexityOf(`out/${recipe}.tamp.zip`);
}

describe('the example recipes reach the perplexity that LLM Compressor reaches', () => {
  it(
    'w4a16 as one run, its archive small and as good in a new process',
    async () => {
      const { code, stdout } = await tamp(['run', writeRecipe('w4a16'), '--json'], { cwd: folder });
      expect(code).toBe(0);
      const { evaluation, artifacts } = JSON.parse(stdout);
      const reference = references['rtn-w4a16-g64'];
      // Sums of float32 in another order: 0.002 is a thousandth of what quantization changes.
      expect(Math.abs(evaluation.before.perplexity - reference.perplexity_before)).toBeLessThan(0.002);
      expect(Math.abs(evaluation.after.perplexity - reference.perplexity_after)).toBeLessThan(0.02);
      expect(artifacts[0].bytes).toBeLessThanOrEqual(1_150_000);
      const again = await perplexityOf('out/w4a16.tamp.zip');
      expect(Math.abs(again - evaluation.after.perplexity)).toBeLessThan(1e-6);
    },
    timeout,
  );

  it.each(recipes.filter(({ recipe }) => recipe !== 'w4a16'))(
    '$recipe, from its archive',
    async ({ recipe, reference, tolerance }) => {
      const perplexity = await compressedPerplexity(recipe);
      expect(Math.abs(perplexity - references[reference].perplexity_after)).toBeLessThan(tolerance);
    },
    timeout,
  );
});

describe('the example recipes that calibrate end below the perplexity of LLM Compressor with the same method', () => {
  it(
    'gptq-w4a16 as one run; with equalization before it at most 0.01 above',
    async () => {
      const { code, stdout } = await tamp(['run', writeRecipe('gptq-w4a16'), '--json'], { cwd: folder });
      expect(code).toBe(0);
      const { evaluation, peakMemoryBytes, layers } = JSON.parse(stdout);
      const alone = evaluation.after.perplexity;
      expect(alone).toBeLessThan(references['gptq-w4a16-g64'].perplexity_after);
      expect(peakMemoryBytes).toBeLessThan(mostMemory);
      expect(layers.length).toBeGreaterThan(0);
      for (const { note } of layers) expect(note).toMatch(/^loses .*% of its output's energy/);

      const equalization = `  - use: "@tamp/equalization"
    ignore: [lm_head]
`;
      // It learns that activations stay float: balanced for int8 activations it would cost 0.015.
      expect((await compressedPerplexity('gptq-w4a16', equalization)) - alone).toBeLessThanOrEqual(0.01);
    },
    timeout,
  );

  it.each(calibrated)(
    '$recipe, from its archive',
    async ({ recipe, reference }) => {
      expect(await compressedPerplexity(recipe)).toBeLessThan(references[reference].perplexity_after);
    },
    timeout,
  );
});
