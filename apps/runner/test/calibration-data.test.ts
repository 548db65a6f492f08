import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixturePath } from '@tamp/fixtures';
import { writeSafetensors } from '@tamp/safetensors';
import { fileSink } from '@tamp/safetensors/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

const mlp = fileURLToPath(new URL('../../../examples/digits/mlp', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-calibration-'));
  writeFileSync(join(folder, 'empty.txt'), '');
  writeFileSync(join(folder, 'short.txt'), 'Once upon a time');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function failure(recipe: string): Promise<string> {
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  const { code, stdout, stderr } = await tamp(['run', 'recipe.yaml', '--quiet'], { cwd: folder });
  expect(code).not.toBe(0);
  expect(stdout).toBe('');
  return stderr;
}

it.each([
  ['an empty text', 'empty.txt', '', /recipe\.yaml:2:.*empty\.txt: is empty, and one window takes 256/],
  [
    'a text shorter than a window',
    'short.txt',
    '',
    /holds \d+ tokens, and one window takes 256.*longer text/,
  ],
  [
    'fewer whole windows than were asked for',
    'short.txt',
    ', sequenceLength: 3, samples: 50',
    /holds \d+ windows of 3 tokens, fewer than the 50 asked for.*Ask for at most/,
  ],
])('%s to calibrate on is one plain error', async (_what, file, more, message) => {
  const stderr = await failure(`model: ${JSON.stringify(fixturePath('tiny-llama'))}
data: { calibration: { text: ${file}${more} } }
modifiers: [{ use: "@tamp/gptq", ignore: [lm_head], weights: { bits: 4, groupSize: 64 } }]
`);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/defect/);
});

it.each([Number.NaN, Number.POSITIVE_INFINITY])(
  'a sample that holds %s is refused by its place',
  async (bad) => {
    const images = new Float32Array(40 * 64).fill(0.5);
    images[33 * 64 + 7] = bad;
    const tensor = (name: string, shape: readonly number[], values: Float32Array) => ({
      name,
      dtype: 'F32' as const,
      shape,
      data: async function* () {
        yield new Uint8Array(values.buffer);
      },
    });
    await writeSafetensors(await fileSink(join(folder, 'bad.safetensors')), [
      tensor('images', [40, 8, 8], images),
      tensor('labels', [40], new Float32Array(40)),
    ]);
    const stderr = await failure(`model: ${JSON.stringify(mlp)}
data: { training: { file: bad.safetensors, inputs: images, labels: labels } }
modifiers: [{ use: "@tamp/int8-linear/static" }]
export: [{ to: out/model.tamp.zip }]
`);
    expect(stderr).toMatch(
      new RegExp(`recipe\\.yaml:2:.*sample 33 of images holds ${bad}\\. Take out samples`),
    );
  },
);
