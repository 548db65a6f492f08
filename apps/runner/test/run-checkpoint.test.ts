import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixturePath } from '@tamp/fixtures';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openRunCheckpoint } from '../src/host/run-checkpoint.js';
import { tamp } from './world/tamp.js';

const bin = fileURLToPath(new URL('../bin/tamp.js', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-claim-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const claims = (): readonly string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tamp-run-'));

it('the place where a run is kept belongs to one process at a time', async () => {
  const before = claims();
  const first = await openRunCheckpoint(folder, 'a');
  await expect(openRunCheckpoint(folder, 'a')).rejects.toMatchObject({
    code: 'io',
    problem: `process ${process.pid} is at work on the same run`,
  });
  const other = await openRunCheckpoint(folder, 'b');
  await other.close();
  await first.close();
  const again = await openRunCheckpoint(folder, 'a');
  // A process that is gone claims nothing any more.
  const [claim] = claims().filter((name) => !before.includes(name));
  const gone = spawnSync(process.execPath, ['--version']).pid;
  writeFileSync(join(tmpdir(), claim), String(gone));
  const next = await openRunCheckpoint(folder, 'a');
  await again.close();
  await next.close();
  expect(claims()).toEqual(before);
});

it('a run that is interrupted says that it can go on, and does', async () => {
  const text = JSON.stringify(fixturePath('tiny-llama', 'calibration.txt'));
  const recipe = `model: ${JSON.stringify(fixturePath('tiny-llama'))}
data: { calibration: { text: ${text}, samples: 8, sequenceLength: 256 } }
modifiers: [{ use: "@tamp/gptq", ignore: [lm_head], weights: { bits: 4, groupSize: 64 } }]
export: [{ to: model.tamp.zip }]
`;
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  const run = spawn(process.execPath, [bin, 'run', 'recipe.yaml'], { cwd: folder, stdio: 'pipe' });
  let stderr = '';
  run.stderr.setEncoding('utf8').on('data', (words: string) => {
    stderr += words;
  });
  // Stopped as soon as a first part is kept.
  const isKept = (): boolean =>
    readdirSync(folder).some((name) => existsSync(join(folder, name, 'weights-2.bin')));
  const watch = setInterval(() => {
    if (!isKept()) return;
    clearInterval(watch);
    run.kill('SIGINT');
  }, 10);
  const code = await new Promise((done) => run.on('close', done));
  clearInterval(watch);
  expect(code).toBe(130);
  expect(stderr).toContain('The parts that were finished are kept: run again with --resume');
  const resumed = await tamp(['run', 'recipe.yaml', '--resume', '--json'], { cwd: folder });
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).not.toContain('from the beginning');
  expect(existsSync(join(folder, 'model.tamp.zip'))).toBe(true);
}, 180_000);
