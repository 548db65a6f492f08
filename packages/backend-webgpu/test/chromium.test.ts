import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { registerCpuBackend } from '@tamp/backend-cpu';
import { openArchiveFile } from '@tamp/export-zip/node';
import { hasChromium } from '@tamp/fixtures/chromium';
import { type ChromiumPage, startChromiumPage } from '@tamp/fixtures/chromium-page';
import { measurePerplexity } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalChecks } from './body/model-checks.js';
import { type TinyLlamaArchives, writeTinyLlamaArchives } from './driver/tiny-llama-archives.js';
import type { TestPage } from './page/main.js';

describe.skipIf(!hasChromium('WebGPU tests'))('WebGPU in Chromium', () => {
  let page: ChromiumPage<TestPage>;
  let written: TinyLlamaArchives;
  beforeAll(async () => {
    // The same arithmetic as the GPU's kernels: without fused multiply-adds.
    await registerCpuBackend({ simd: 'baseline' });
    await tf.setBackend('tamp-cpu');
    written = await writeTinyLlamaArchives();
    page = await startChromiumPage(join(import.meta.dirname, 'page'));
  }, 300_000);
  afterAll(async () => {
    await page.close();
    tf.removeBackend('tamp-cpu');
    rmSync(written.folder, { recursive: true, force: true });
  });

  it('passes every check that the other backends pass', { timeout: 900_000 }, async () => {
    const { adapter, integerDot, subgroups } = await page.call('start');
    const sums = subgroups ? 'with' : 'without';
    console.log(
      `Chromium ${page.version}, adapter ${adapter}, ${integerDot} integer products, ${sums} subgroups`,
    );
    const names = await page.call('checks');
    expect(names.length).toBeGreaterThan(10);
    const failures: string[] = [];
    for (const name of names) {
      const failure = await page.call('run', name);
      if (failure !== null) failures.push(`${name}: ${failure}`);
    }
    expect(failures).toEqual([]);
  });

  it.each(['webgl', 'wasm'] as const)(
    "tfjs's %s backend refuses packed weights by name and runs others",
    { timeout: 300_000 },
    async (backend) => {
      const require = createRequire(import.meta.url);
      const wasm = dirname(require.resolve('@tensorflow/tfjs-backend-wasm'));
      for (const name of ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'])
        await page.serve(name, join(wasm, name));
      for (const { name } of refusalChecks) expect(await page.call('runElsewhere', name, backend)).toBeNull();
    },
  );

  it('a lost device gives one clear error, and a new one works', async () => {
    await page.call('start');
    const { error, again } = await page.call('loseDevice');
    expect(error).toMatch(/^TampError: the GPU device was lost, and what was on it\./);
    expect(again).toBe(64);
  });

  it.each(['W8A8', 'W4A16'] as const)(
    '%s: the perplexity of the CPU, within 1e-4 of it',
    {
      timeout: 900_000,
    },
    async (name) => {
      const path = written.archives.find((archive) => archive.name === name)?.path ?? '';
      const { model, close } = await openArchiveFile(path);
      const { perplexity: cpu } = await measurePerplexity(model, written.windows);
      await close();
      const address = await page.serve(`${name}.tamp.zip`, path);
      const gpu = await page.call('perplexity', address, [...written.windows.ids], written.windows.length);
      console.log(
        `${name}: perplexity over ${written.windows.count} windows ${cpu} on the CPU, ${gpu} in Chromium`,
      );
      expect(Math.abs(gpu - cpu) / cpu).toBeLessThan(1e-4);
    },
  );
});
