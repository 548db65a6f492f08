import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from '@tamp/fixtures';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

const example = new URL('../../../examples/tiny-llama/gptq-w4a16.yaml', import.meta.url);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-equalized-gptq-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Perplexity of the example on a quarter of its text, with `before` in front of its modifiers. */
async function perplexity(before: string): Promise<number> {
  const recipe = readFileSync(example, 'utf8')
    .replace('./model', JSON.stringify(fixturePath('tiny-llama')))
    .replace('text: calibration.txt', `text: ${JSON.stringify(fixturePath('tiny-llama', 'calibration.txt'))}`)
    .replace(
      'text: eval.txt, sequenceLength: 256',
      `text: ${JSON.stringify(fixturePath('tiny-llama', 'eval.txt'))}, sequenceLength: 256, windows: 60`,
    )
    .replace('modifiers:\n', `modifiers:\n${before}`)
    .replace(/^export:\n.*$/m, '')
    .replace(/^report:.*$/m, '')
    .replace(/^gates:[\s\S]*/m, '');
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  const { code, stdout } = await tamp(['run', 'recipe.yaml', '--json'], { cwd: folder });
  expect(code).toBe(0);
  return JSON.parse(stdout).evaluation.after.perplexity;
}

it('equalization before GPTQ learns that activations stay float, and costs at most 0.01 of perplexity', async () => {
  const equalization = `  - use: "@tamp/equalization"
    ignore: [lm_head]
`;
  const [alone, after] = [await perplexity(''), await perplexity(equalization)];
  // Balanced for int8 activations it would cost 0.015.
  expect(after - alone).toBeLessThanOrEqual(0.01);
}, 240_000);
