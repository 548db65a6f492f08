import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from '@tamp/fixtures';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-batch-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recipe = (name: string, pipeline: string, windows = 'samples: 3, sequenceLength: 64'): string => {
  const text = JSON.stringify(fixturePath('tiny-llama', 'calibration.txt'));
  writeFileSync(
    join(folder, `${name}.yaml`),
    `model: ${JSON.stringify(fixturePath('tiny-llama'))}
data: { calibration: { text: ${text}, ${windows} } }
modifiers:
  - use: "@tamp/equalization"
    ignore: [lm_head]
    smooth: 0.5
    quantization: { activation: token, weights: channel }
  - use: "@tamp/gptq"
    ignore: [lm_head]
    weights: { bits: 4, groupSize: 64 }
    rangeSearch: { gridPoints: 4 }
pipeline: ${pipeline}
export: [{ to: ${name}.tamp.zip, compression: store }]
`,
  );
  return `${name}.yaml`;
};

it('how many windows calibrate together changes no byte of the archive', async () => {
  const archives: Buffer[] = [];
  // One at a time, two with one left over, all that there are.
  for (const [name, pipeline] of Object.entries({
    one: '{ batchSize: 1 }',
    two: '{ batchSize: 2 }',
    all: '{}',
  })) {
    const { code, stderr } = await tamp(['run', recipe(name, pipeline), '--quiet'], { cwd: folder });
    expect([code, stderr]).toEqual([0, '']);
    archives.push(readFileSync(join(folder, `${name}.tamp.zip`)));
  }
  for (const other of archives.slice(1)) expect(other.equals(archives[0])).toBe(true);
}, 300_000);

it('a run with the smallest limit of memory that would do keeps near to it', async () => {
  const file = recipe('limited', '{ batchSize: 48 }', 'samples: 48, sequenceLength: 256');
  const limited = (limit: string) => tamp(['run', file, '--json', '--max-memory', limit], { cwd: folder });
  const refused = await limited('20MB');
  expect(refused.code).toBe(2);
  const [, least] = /smallest limit that would do is (\d+) MB/.exec(refused.stderr) ?? [];
  // The process itself takes some megabytes more or less each time.
  const limit = Number(least) + 20;
  const { code, stdout, stderr } = await limited(`${limit}MB`);
  expect(code).toBe(0);
  expect(stderr).toMatch(new RegExp(`To fit ${limit} MB of memory: calibrating \\d\\d? windows? at a time`));
  // As near as plans must come.
  expect(JSON.parse(stdout).peakMemoryBytes).toBeLessThan(1.25e6 * limit);
}, 300_000);
