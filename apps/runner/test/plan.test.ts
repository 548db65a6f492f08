import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RecipePlan } from '@tamp/recipe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// How near predictions come: apps/runner/scripts/plan-accuracy.mjs, on an idle machine.
it.each([
  'tiny-llama/w4a16-mse.yaml',
  'tiny-llama/gptq-w4a16.yaml',
  'digits/mlp.yaml',
  'digits/mlp-int8.yaml',
])(
  'a plan of %s knows the time, memory and disk of each stage',
  async (recipe) => {
    const { code, stdout, stderr } = await tamp(['plan', join(examples, recipe), '--json'], { cwd: folder });
    expect([code, stderr]).toEqual([0, '']);
    const { phases }: RecipePlan = JSON.parse(stdout);
    expect(phases.length).toBeGreaterThanOrEqual(4);
    for (const { stage, seconds, memoryBytes, diskBytes } of phases) {
      expect(seconds, stage).toBeGreaterThan(0);
      expect(memoryBytes, stage).toBeGreaterThan(50e6);
      expect(diskBytes, stage).toBeGreaterThanOrEqual(0);
    }
  },
  180_000,
);
