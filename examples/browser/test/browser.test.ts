import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDataFree } from '@tamp/core';
import { exportArchive } from '@tamp/export-zip/node';
import { fixturePath, fixturesFolder } from '@tamp/fixtures';
import { hasChromium, launchChromium } from '@tamp/fixtures/chromium';
import { openModelFolder } from '@tamp/models/node';
import weightOnly from '@tamp/weight-only';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPage } from './driver/build-page.js';
import { type FileServer, startFileServer } from './driver/file-server.js';
import { exercises } from './page/exercises.js';
import type { TestPage } from './page/main.js';

/** The packages of this repository; the command in apps/runner is for Node alone. */
const packages = readdirSync(join(import.meta.dirname, '../../../packages')).map((name) => `@tamp/${name}`);

const folder = mkdtempSync(join(tmpdir(), 'tamp-browser-'));
const archive = 'w4a16.tamp.zip';

/** Calls a function of the page. */
function call<K extends keyof TestPage>(
  page: Page,
  name: K,
  ...parameters: Parameters<TestPage[K]>
): ReturnType<TestPage[K]> {
  return page.evaluate(
    ([key, values]) => {
      const { testPage } = globalThis as unknown as {
        testPage: Record<string, (...given: unknown[]) => unknown>;
      };
      return testPage[key](...values);
    },
    [name, parameters as unknown[]] as const,
  ) as ReturnType<TestPage[K]>;
}

describe.skipIf(!hasChromium('tests of all packages'))('in Chromium', () => {
  const opened: { close(): Promise<void> }[] = [];
  let warnings: readonly string[];
  let exampleWarnings: readonly string[];
  let isolated: FileServer;
  let open: FileServer;
  let browser: Browser;

  beforeAll(async () => {
    const { model, close } = await openModelFolder(fixturePath('tiny-llama'));
    const modifier = weightOnly.create(
      weightOnly.options.parse({ ignore: ['lm_head'], weights: { bits: 4, groupSize: 64 } }),
    );
    const small = await runDataFree(model, [{ name: weightOnly.name, modifier }]);
    mkdirSync(join(folder, 'models'));
    await exportArchive(small.model, join(folder, 'models', archive));
    await close();
    warnings = await buildPage(join(import.meta.dirname, 'page'), join(folder, 'page'));
    exampleWarnings = await buildPage(join(import.meta.dirname, '..'), join(folder, 'example'));
    const folders = {
      page: join(folder, 'page'),
      example: join(folder, 'example'),
      fixtures: fixturesFolder,
      models: join(folder, 'models'),
    };
    isolated = await startFileServer({ folders, isolated: true });
    open = await startFileServer({ folders, isolated: false });
    browser = await launchChromium();
    opened.push(isolated, open, browser);
  }, 300_000);
  afterAll(async () => {
    for (const resource of opened.reverse()) await resource.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function openPage(server: FileServer, path = 'page/index.html'): Promise<Page> {
    const page = await browser.newPage();
    page.setDefaultTimeout(150_000);
    await page.goto(`${server.origin}/${path}`);
    if (path.startsWith('page/')) await page.waitForFunction(() => 'testPage' in globalThis);
    return page;
  }

  it('the bundler finds nothing that is for Node only', () => {
    const ofNode = [...warnings, ...exampleWarnings].filter((warning) =>
      /node:|externalized|Node\.js/.test(warning),
    );
    expect(ofNode).toEqual([]);
    const scripts = readdirSync(join(folder, 'page/assets')).filter((name) => name.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(1);
    for (const name of scripts) {
      const code = readFileSync(join(folder, 'page/assets', name), 'utf8');
      expect(code).not.toMatch(/(from|import\()\s*["']node:/);
    }
  });

  it('every package has an exercise', () => {
    expect(Object.keys(exercises).sort()).toEqual([...packages].sort());
  });

  it.each(Object.keys(exercises))(
    '%s works in a page and in a worker',
    { timeout: 300_000 },
    async (name) => {
      const page = await openPage(open);
      const models = `${open.origin}/fixtures`;
      const inPage = await call(page, 'exercise', 'page', name, models);
      const inWorker = await call(page, 'exercise', 'worker', name, models);
      await page.close();
      expect(inWorker).toEqual(inPage);
      // The same bits as in Node, where every package is tested at length; WebGPU has tests of its own in Node.
      if (name !== '@tamp/backend-webgpu') expect(inPage).toEqual(await exercises[name](models));
      else expect(inPage).toEqual([-18]);
    },
  );

  it('the CPU kernels use threads in a worker of an isolated page, one elsewhere, and give the same bits', async () => {
    const cores = await (await openPage(open)).evaluate(() => navigator.hardwareConcurrency);
    const runs: unknown[] = [];
    const logits: string[] = [];
    for (const server of [open, isolated]) {
      const page = await openPage(server);
      for (const where of ['page', 'worker'] as const) {
        const run = await call(page, 'cpu', where, `${server.origin}/fixtures`);
        runs.push([run.isolated, where, run.threads]);
        logits.push(JSON.stringify(run.logits));
      }
      await page.close();
    }
    expect(runs).toEqual([
      [false, 'page', 1],
      [false, 'worker', 1],
      [true, 'page', 1],
      [true, 'worker', Math.min(cores, 8)],
    ]);
    expect(new Set(logits).size).toBe(1);
  });

  describe('a model opens', () => {
    let page: Page;
    let expected: unknown;
    let bytes: number;
    beforeAll(async () => {
      page = await openPage(open);
      await page.setInputFiles('#file', join(folder, 'models', archive));
      expected = await call(page, 'fromInput', 'file');
      bytes = readFileSync(join(folder, 'models', archive)).length;
    });

    it('from a file', () => {
      expect(expected).toHaveProperty('logits');
    });

    it('from a URL by range requests, each byte at most once or twice', async () => {
      const answer = await call(page, 'fromUrl', `${open.origin}/models/${archive}`);
      expect(answer).toEqual(expected);
      const sent = open.bytesSent(`/models/${archive}`);
      // The embedding is read by rows; the directory's range overlaps what lies before it.
      expect(sent).toBeLessThan(1.2 * bytes);
      expect(sent).toBeGreaterThan(1000);
    });

    it('from a server without ranges, whole', async () => {
      const answer = await call(page, 'fromUrl', `${open.origin}/plain/models/${archive}`);
      expect(answer).toEqual(expected);
      expect(open.bytesSent(`/plain/models/${archive}`)).toBe(bytes);
    });

    it('or says that a server without ranges has too large a file, or no such file', async () => {
      const url = `${open.origin}/plain/models/${archive}`;
      const tooLarge = await call(page, 'fromUrl', url, 100_000);
      expect(tooLarge).toEqual({
        error: `${url}: the server ignores range requests, and the file has more than the 100000 bytes that may be downloaded whole. Use a server that supports range requests, or download the file and open it from disk.`,
      });
      const missing = await call(page, 'fromUrl', `${open.origin}/models/none.tamp.zip`);
      expect(missing).toEqual({
        error: `${open.origin}/models/none.tamp.zip: the server answered with status 404. Check the URL.`,
      });
    });

    it('from a chosen folder', async () => {
      await page.setInputFiles('#folder', fixturePath('tiny-llama'));
      const answer = await call(page, 'fromInput', 'folder');
      if ('error' in answer) throw new Error(answer.error);
      // tiny-llama itself, of which the archive is a copy in 4 bits.
      const { logits } = expected as { logits: number[] };
      expect(answer.logits).toHaveLength(logits.length);
      const distance = answer.logits.reduce((sum, value, i) => sum + (value - logits[i]) ** 2, 0);
      const size = logits.reduce((sum, value) => sum + value ** 2, 0);
      expect(distance / size).toBeGreaterThan(0);
      expect(distance / size).toBeLessThan(0.05);
    });
  });

  describe('the example', () => {
    async function answerOf(server: FileServer, backend: 'cpu' | 'webgpu', file: boolean): Promise<string> {
      const page = await openPage(server, 'example/index.html');
      if (file) await page.setInputFiles('input[name=file]', join(folder, 'models', archive));
      else await page.fill('input[name=url]', `/models/${archive}`);
      await page.check(`input[value=${backend}]`);
      await page.click('button');
      await page.waitForFunction(() => /token|:/.test(document.querySelector('output')?.textContent ?? ''));
      const text = (await page.textContent('output')) ?? '';
      await page.close();
      return text;
    }

    it('runs a .tamp.zip where it is told to, and says so', async () => {
      const texts = [
        await answerOf(isolated, 'cpu', false),
        await answerOf(open, 'cpu', true),
        await answerOf(open, 'webgpu', false),
        await answerOf(open, 'webgpu', true),
      ];
      expect(texts[0]).toMatch(/^tamp-cpu: \d+ threads, [a-z-]+ SIMD; \d+ ms; next token \d+$/);
      expect(texts[1]).toMatch(/^tamp-cpu: 1 thread, /);
      expect(texts[2]).toMatch(/^webgpu: google swiftshader, packed integer products; /);
      expect(texts[3]).toMatch(/^webgpu: /);
      const tokens = texts.map((text) => /next token (\d+)$/.exec(text)?.[1]);
      expect(new Set(tokens).size).toBe(1);
    });

    it('says what is wrong instead of falling back', async () => {
      const page = await browser.newPage();
      // As in a browser without WebGPU; workers get the same.
      await page.route('**/worker-*.js', async (route) => {
        const response = await route.fetch();
        const hide = 'Object.defineProperty(navigator, "gpu", { value: undefined });\n';
        await route.fulfill({ response, body: hide + (await response.text()) });
      });
      await page.goto(`${open.origin}/example/index.html`);
      await page.fill('input[name=url]', `/models/${archive}`);
      await page.check('input[value=webgpu]');
      await page.click('button');
      await page.waitForFunction(() => /WebGPU/.test(document.querySelector('output')?.textContent ?? ''));
      expect(await page.textContent('output')).toMatch(/^there is no WebGPU here\. .*@tamp\/backend-cpu\.$/);
      await page.close();
    });
  });
});
