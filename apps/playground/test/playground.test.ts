import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { registerCpuBackend } from '@tamp/backend-cpu';
import { runDataFree } from '@tamp/core';
import { exportArchive, openArchiveFile } from '@tamp/export-zip/node';
import { hasChromium, launchChromium } from '@tamp/fixtures/chromium';
import { generate } from '@tamp/generation';
import { loadTokenizer } from '@tamp/models';
import { openModelFolder } from '@tamp/models/node';
import { cutWindows, measurePerplexity } from '@tamp/recipe';
import weightOnly from '@tamp/weight-only';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import type { Browser, Download } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Playground, type View } from './driver/playground.js';
import { type ServedSite, serveSite } from './driver/serve-site.js';
import { writeThirdPartyFolder } from './driver/third-party-folder.js';

const example = fileURLToPath(new URL('../../../examples/tiny-llama/', import.meta.url));
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
/** Few, so that the page is quick: enough for every stage to report progress. */
const windows = 8;

const installed = hasChromium('tests of the playground');

describe.skipIf(!installed)('the playground in Chromium', () => {
  let site: ServedSite;
  let browser: Browser;
  let folder = '';
  let open: Playground | undefined;

  const visit = async (view?: View): Promise<Playground> => {
    open = await Playground.open(browser, site.url, view);
    return open;
  };
  const save = async (download: Download): Promise<string> => {
    const path = join(folder, download.suggestedFilename());
    await download.saveAs(path);
    return path;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tamp-playground-'));
    site = await serveSite({ isolated: true });
    browser = await launchChromium();
    await registerCpuBackend();
    await tf.setBackend('tamp-cpu');
  });
  afterEach(async () => {
    const playground = open;
    open = undefined;
    await playground?.close();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    tf.removeBackend('tamp-cpu');
    rmSync(folder, { recursive: true, force: true });
  });

  it('compresses the shipped model, shows what Node computes, and gives the archive that Node writes', async () => {
    const playground = await visit();
    const { page } = playground;
    expect(await page.locator('#run .backends').textContent()).toMatch(/WebAssembly, \d+ threads/);
    await playground.chooseRecipe('w4a16', windows);
    await playground.compress();

    const opened = await openModelFolder(join(example, 'model'));
    const modifier = weightOnly.create(
      weightOnly.options.parse({
        targets: ['linear'],
        ignore: ['lm_head'],
        weights: { bits: 4, groupSize: 64, symmetric: true },
      }),
    );
    const { model } = await runDataFree(opened.model, [{ name: weightOnly.name, modifier }]);
    const tokenizer = await loadTokenizer(opened.model);
    const ids = tokenizer.encode(readFileSync(join(example, 'eval.txt'), 'utf8'));
    const text = cutWindows(ids, { sequenceLength: 256, count: windows, file: 'eval.txt' });
    const before = await measurePerplexity(opened.model, text);
    const after = await measurePerplexity(model, text);
    const inNode = join(folder, 'node.tamp.zip');
    await exportArchive(model, inNode);
    await opened.close();

    const [shownBefore, shownAfter] = await playground.figure('perplexity');
    // Shown to four places; with relaxed SIMD a browser and Node may differ in the last bits of a sum.
    expect(Math.abs(Number(shownBefore) / before.perplexity - 1)).toBeLessThan(1e-5);
    expect(Math.abs(Number(shownAfter) / after.perplexity - 1)).toBeLessThan(1e-5);
    expect(await playground.figure('size')).toEqual(['3.54 MB', '1.28 MB']);
    expect(await page.locator('#layers svg').count()).toBe(2);

    const waiting = page.waitForEvent('download');
    await page.getByRole('link', { name: /^Download w4a16\.tamp\.zip/ }).click();
    const archive = await save(await waiting);
    const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
    expect(digest(archive)).toBe(digest(inNode));

    const file = await openArchiveFile(archive);
    expect((await measurePerplexity(file.model, text)).perplexity).toBe(after.perplexity);
    let continued = '';
    const prompt = 'The function returns a list of';
    for await (const { text: piece } of generate(file.model, { prompt, tokenizer, maxTokens: 12 })) {
      continued += piece;
    }
    await file.close();

    await page.getByLabel('Tokens').fill('12');
    await page.getByRole('button', { name: 'Continue the prompt' }).click();
    await page.locator('[data-model="compressed"]', { hasText: '12 tokens' }).waitFor();
    await page.locator('[data-model="float"]', { hasText: '12 tokens' }).waitFor();
    expect(await page.locator('[data-model="compressed"] .written').textContent()).toBe(continued);
    expect(await playground.tensors('tamp-cpu')).toBe(0);
    await playground.picture('light');
  });

  it('takes another model folder with another tokenizer and a text of its own', async () => {
    const playground = await visit();
    const { page } = playground;
    await page
      .locator('#model input[webkitdirectory]')
      .setInputFiles(writeThirdPartyFolder(join(folder, 'chosen/small-qwen')));
    await page.locator('.model-name', { hasText: 'small-qwen' }).waitFor();
    expect(await page.locator('#model').textContent()).toContain('Qwen2ForCausalLM');
    await playground.writeRecipe(
      () => `model: ./model
data:
  evaluation: { text: own-words.txt, sequenceLength: 64 }
modifiers:
  - use: "@tamp/int8-linear"
export:
  - to: small.tamp.zip
`,
    );
    await playground.ready();
    await playground.compress();
    const [before, after] = (await playground.figure('perplexity')).map(Number);
    // Random weights know nothing: the perplexity is above that of guessing among all 98 tokens.
    expect(before).toBeGreaterThan(98);
    // int8 with a scale per token and channel changes a random model's loss by less than 2%.
    expect(Math.abs(Math.log(after) / Math.log(before) - 1)).toBeLessThan(0.02);
    await page.getByLabel('Prompt').fill('the water is');
    await page.getByRole('button', { name: 'Continue the prompt' }).click();
    await page.locator('[data-model="compressed"]', { hasText: /\d+ tokens/ }).waitFor();
    expect(await page.locator('[data-model="compressed"] .written').textContent()).toMatch(/^[a-z[\]UNK ]+$/);
  });

  it('takes a folder that is dropped, and files that are dropped beside it', async () => {
    const playground = await visit();
    const { page } = playground;
    const dropped = writeThirdPartyFolder(join(folder, 'dropped/own-qwen'));
    await playground.drop(dropped);
    await page.locator('.model-name', { hasText: 'own-qwen' }).waitFor();
    expect(await page.locator('#model').textContent()).toMatch(
      /Qwen2ForCausalLM, .* weights, [\s\S]*own-words\.txt/,
    );
    expect(await page.locator('.drop.over').count()).toBe(0);
    const text = join(folder, 'other-words.txt');
    writeFileSync(text, 'the water is cold '.repeat(40));
    await playground.drop(text);
    await page.locator('#model', { hasText: 'other-words.txt' }).waitFor();
    expect(await page.locator('.model-name').textContent()).toBe('own-qwen');
  });

  it('calibrates and generates on WebGPU as on the CPU', { timeout: 500_000 }, async () => {
    const playground = await visit();
    const { page } = playground;
    await playground.drop(writeThirdPartyFolder(join(folder, 'calibrated/own-qwen')));
    await page.locator('.model-name', { hasText: 'own-qwen' }).waitFor();
    // Few windows and tokens: a software adapter computes them.
    const recipes = [
      { modifier: '{ use: "@tamp/gptq", weights: { bits: 4, groupSize: 32, symmetric: true } }', tokens: 4 },
      { modifier: '{ use: "@tamp/int8-linear/static" }', tokens: 2 },
    ];
    for (const { modifier, tokens } of recipes) {
      await playground.writeRecipe(
        () => `model: ./model
data:
  calibration: { text: own-words.txt, samples: 2, sequenceLength: 32 }
  evaluation: { text: own-words.txt, sequenceLength: 32, windows: 2 }
modifiers: [${modifier}]
export: [{ to: small.tamp.zip }]
`,
      );
      await playground.ready();
      const outcomes = [];
      for (const backend of ['webgpu', 'cpu'] as const) {
        await playground.compress(backend);
        const [before, after] = (await playground.figure('perplexity')).map(Number);
        outcomes.push({
          before,
          after,
          texts: await playground.continue('the water is', tokens - outcomes.length, backend),
        });
      }
      const [gpu, cpu] = outcomes;
      // The same products in another order of summing.
      expect(Math.abs(gpu.before / cpu.before - 1)).toBeLessThan(1e-4);
      // One token less.
      expect(gpu.texts[0]).not.toBe('');
      expect(gpu.texts[0].startsWith(cpu.texts[0])).toBe(true);
      // Sums that differ in the last bits can round a weight or an activation to the level beside it.
      expect(Math.abs(gpu.after / cpu.after - 1)).toBeLessThan(2e-3);
      expect(gpu.after).not.toBe(gpu.before);
      expect(gpu.texts[1]).not.toBe('');
      expect(await playground.tensors('webgpu')).toBe(0);
    }
  });

  it('writes a large model while it is made, as the tamp command does', { timeout: 300_000 }, async () => {
    const playground = await visit();
    const { page } = playground;
    // Two tables of 32 MiB and a few kilobytes: just over what recipes call large.
    const model = writeThirdPartyFolder(join(folder, 'large/own-qwen'), 2 ** 18);
    const recipe = `model: ./own-qwen
modifiers: [{ use: "@tamp/weight-only", weights: { bits: 4, groupSize: 32, symmetric: true } }]
export: [{ to: large.tamp.zip }]
`;
    await page.locator('#model input[webkitdirectory]').setInputFiles(model);
    await page.locator('.model-name', { hasText: 'own-qwen' }).waitFor();
    await playground.writeRecipe(() => recipe);
    await playground.ready();
    await playground.compress();
    // The archive alone: what was kept between two modifiers is gone.
    expect(await playground.keptFiles()).toHaveLength(1);
    const waiting = page.waitForEvent('download');
    await page.getByRole('link', { name: /^Download large\.tamp\.zip/ }).click();
    const archive = readFileSync(await save(await waiting));

    writeFileSync(join(folder, 'large/recipe.yaml'), recipe);
    const tamp = fileURLToPath(new URL('./bin/tamp.js', import.meta.resolve('tamp/package.json')));
    await promisify(execFile)(process.execPath, [tamp, 'run', join(folder, 'large/recipe.yaml')]);
    expect(archive.equals(readFileSync(join(folder, 'large/large.tamp.zip')))).toBe(true);
  });

  it('says what is wrong with a recipe, where, and what to do, and runs nothing', async () => {
    const playground = await visit();
    const { page } = playground;
    await playground.writeRecipe((text) =>
      text.replace('groupSize: 64', 'groupsize: 64').replace('eval.txt', 'evil.txt'),
    );
    const problems = page.locator('#recipe .problems li');
    await problems.nth(1).waitFor();
    const words = await problems.allInnerTexts();
    expect(words).toHaveLength(2);
    expect(words[0]).toMatch(/line 5, column \d+[\s\S]*no such file[\s\S]*Did you mean eval\.txt\?/);
    expect(words[1]).toMatch(/line 11, column \d+[\s\S]*groupsize[\s\S]*Did you mean groupSize\?/);
    expect(await page.locator('.cm-lintRange-error').count()).toBeGreaterThan(0);
    expect(await page.getByRole('button', { name: 'Compress', exact: true }).isDisabled()).toBe(true);
    expect(await page.locator('#run .stages').count()).toBe(0);
    // The place is a way there.
    await problems.nth(1).getByRole('button').click();
    expect(await page.locator('.cm-activeLine').textContent()).toContain('groupsize');
    await page.keyboard.press('End');
    await playground.writeRecipe((text) =>
      text.replace('groupsize: 64', 'groupSize: 64').replace('evil.txt', 'eval.txt'),
    );
    await playground.ready();
    await playground.writeRecipe((text) => text.replace('lm_head', 'lm_haed'));
    await page.locator('#recipe .hint', { hasText: 'Did you mean lm_head?' }).waitFor();
    await playground.ready();
    await playground.chooseRecipe('gptq-w4a16', 1);
    await playground.writeRecipe((text) => `${text}\npipeline: { intermediates: disk }`);
    await problems.filter({ hasText: 'there is no disk for intermediates here' }).waitFor();
  });

  it('completes keys and modifiers from the schema', async () => {
    const playground = await visit();
    const { page } = playground;
    await playground.writeRecipe(() => 'model: ./model\nmodifiers:\n  - use: ');
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Control+Space');
    await page.locator('.cm-tooltip-autocomplete li', { hasText: '@tamp/gptq' }).waitFor();
    expect(await page.locator('.cm-tooltip-autocomplete li').count()).toBe(7);
    await page.keyboard.type('gptq');
    await page.waitForFunction(() => document.querySelectorAll('.cm-tooltip-autocomplete li').length === 1);
    // The editor takes no choice in the first moment after the list has changed, lest one is made by mistake.
    await page.waitForTimeout(200);
    await page.keyboard.press('Enter');
    expect(await page.locator('.cm-content').textContent()).toContain('use: "@tamp/gptq"');
  });

  it('cancels a run: no archive, nothing held, and it can run again', async () => {
    const playground = await visit();
    const { page } = playground;
    await page.getByLabel('Start from a recipe').selectOption('gptq-w4a16');
    await playground.ready();
    await page.getByRole('button', { name: 'Compress', exact: true }).click();
    await page.locator('#run .stages li.running', { hasText: 'Compressing' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled. Nothing was written.').waitFor();
    expect(await page.locator('#result').count()).toBe(0);
    expect(await page.getByRole('link', { name: /^Download/ }).count()).toBe(0);
    expect(await playground.tensors('tamp-cpu')).toBe(0);
    expect(await playground.keptFiles()).toEqual([]);

    await playground.chooseRecipe('w4a16', 2);
    await playground.compress();
    expect(await page.getByRole('link', { name: /^Download/ }).count()).toBe(1);
    expect(await playground.keptFiles()).toHaveLength(1);
  });

  it('offers no archive when a gate is missed, and says which', async () => {
    const playground = await visit();
    await playground.writeRecipe((text) =>
      text.replace('windows: 32', 'windows: 2').replace('perplexityIncrease: 0.05', 'perplexityIncrease: 0'),
    );
    await playground.ready();
    await playground.compress();
    expect(await playground.page.locator('#result .problems').textContent()).toMatch(/perplexityIncrease/);
    expect(await playground.page.getByRole('link', { name: /^Download/ }).count()).toBe(0);
    expect(await playground.keptFiles()).toEqual([]);
  });

  it('compares CPU and WebGPU', { timeout: 400_000 }, async () => {
    const playground = await visit();
    const { page } = playground;
    await playground.chooseRecipe('w4a16', 1);
    await playground.compress();
    await page.locator('#comparison').getByLabel('Windows').fill('1');
    await page.getByRole('button', { name: 'Compare' }).click();
    const verdict = page.locator('[data-agree]');
    await verdict.waitFor({ timeout: 360_000 });
    expect(await verdict.getAttribute('data-agree')).toBe('true');
    const sides = page.locator('#comparison .side');
    expect(await sides.nth(0).textContent()).toMatch(/WebAssembly/);
    expect(await sides.nth(1).textContent()).toMatch(/WebGPU on .*swiftshader.*software/i);
    expect(await sides.nth(0).locator('.tokens code').allInnerTexts()).toEqual(
      await sides.nth(1).locator('.tokens code').allInnerTexts(),
    );
    expect(await playground.tensors('webgpu')).toBe(0);
    await playground.picture('comparison');
  });

  it('says that the device was lost, and goes on with the CPU', { timeout: 300_000 }, async () => {
    const playground = await visit();
    const { page } = playground;
    await playground.chooseRecipe('w4a16', 2);
    await page.locator('#run').getByLabel('WebGPU').check();
    await page.getByRole('button', { name: 'Compress', exact: true }).click();
    await page.locator('#run .stages li.running').waitFor();
    await playground.loseDevice();
    const problem = page.locator('#run .problems');
    await problem.waitFor();
    expect(await problem.textContent()).toMatch(/device was lost[\s\S]*CPU/);
    expect(await page.locator('#result').count()).toBe(0);
    await page.getByRole('button', { name: 'Run on the CPU' }).click();
    await page.locator('#result').waitFor();
    expect(await playground.figure('size')).toEqual(['3.54 MB', '1.28 MB']);
  });

  it('works with the keyboard alone', async () => {
    const playground = await visit();
    const { page } = playground;
    await playground.chooseRecipe('w4a16', 1);
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const seen: string[] = [];
    /** Goes on with Tab until something is focused; each stop must be seen to be focused. */
    const tabTo = async (name: RegExp): Promise<void> => {
      // By time and not by stops: on a busy machine a button may be enabled only on the second round.
      const end = performance.now() + 90_000;
      while (performance.now() < end) {
        await page.keyboard.press('Tab');
        const { label, outlined } = await page.evaluate(() => {
          const element = document.activeElement as HTMLInputElement;
          // Between the page's last stop and its first, the browser's own bars have their turn.
          if (element === document.body) return { label: '', outlined: true };
          const frame = element.matches('.cm-content')
            ? element.closest('.editor')
            : element.matches('.picker input')
              ? element.parentElement
              : element.matches('.segments input')
                ? element.nextElementSibling
                : element;
          const words =
            element.labels?.[0]?.textContent ??
            element.getAttribute('aria-labelledby') ??
            element.textContent;
          return {
            label: `${element.tagName} ${element.getAttribute('aria-label') ?? words}`,
            outlined: frame !== null && getComputedStyle(frame).outlineStyle !== 'none',
          };
        });
        seen.push(label);
        expect({ label, outlined }).toEqual({ label, outlined: true });
        if (name.test(label)) return;
      }
      throw new Error(`Tab never reaches ${name}: ${seen.join(' | ')}`);
    };
    await tabTo(/Skip to the model/);
    await tabTo(/Choose a folder/);
    await tabTo(/Start from a recipe/);
    await tabTo(/recipe-title/);
    await tabTo(/CPU/);
    await tabTo(/Compress$/);
    await page.keyboard.press('Enter');
    await page.locator('#result').waitFor();
    await tabTo(/Download w4a16/);
    const waiting = page.waitForEvent('download');
    await page.keyboard.press('Enter');
    expect((await waiting).suggestedFilename()).toBe('w4a16.tamp.zip');
    await tabTo(/Prompt/);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('def main');
    await tabTo(/Tokens/);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('4');
    await tabTo(/Continue the prompt/);
    await page.keyboard.press('Enter');
    await page.locator('[data-model="compressed"]', { hasText: '4 tokens' }).waitFor();
    await tabTo(/As a table/);
    await page.keyboard.press('Enter');
    await tabTo(/Layers as a table/);
    await tabTo(/Compare/);
  });

  it.each<[string, View]>([
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['phone', { width: 390 }],
  ])('has no accessibility problems that axe knows: %s', async (name, view) => {
    const playground = await visit(view);
    const { page } = playground;
    await playground.chooseRecipe('w4a16', 1);
    await playground.compress();
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
    expect(violations).toEqual([]);
    // Nothing reaches beyond the page, nor a card beyond its column.
    const widths = await page.evaluate(() => [
      document.documentElement.scrollWidth - innerWidth,
      ...Array.from(document.querySelectorAll('.card'), (card) => card.scrollWidth - card.clientWidth),
    ]);
    expect(Math.max(...widths)).toBeLessThanOrEqual(0);
    await playground.picture(name === 'light' ? 'light-layers' : name);
  });

  it('changes its colours when asked, and remembers', async () => {
    const playground = await visit();
    const { page } = playground;
    const colour = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await colour();
    await page.getByLabel('Dark').check();
    const dark = await colour();
    expect(dark).not.toBe(light);
    await page.reload();
    expect(await colour()).toBe(dark);
  });

  it('works without isolation, on one thread, and without WebGPU, and says both', async () => {
    const plain = await serveSite({ isolated: false });
    const other = await launchChromium({ webgpu: false });
    try {
      const playground = await Playground.open(other, plain.url);
      const { page } = playground;
      expect(await page.locator('#run .backends').textContent()).toMatch(/one thread[\s\S]*COOP and COEP/);
      expect(await page.locator('#run .backends').textContent()).toMatch(/WebGPU not here: /);
      expect(await page.locator('#run').getByLabel('WebGPU').isDisabled()).toBe(true);
      expect(await page.locator('#comparison').textContent()).toMatch(/WebGPU is not here: /);
      expect(await page.getByRole('button', { name: 'Compare' }).isDisabled()).toBe(true);
      await playground.chooseRecipe('w8a8', 1);
      await playground.compress();
      expect(await playground.figure('size')).toEqual(['3.54 MB', '2.00 MB']);
      await playground.close();
    } finally {
      await other.close();
      await plain.close();
    }
  });
});
