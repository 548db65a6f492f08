import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '@tamp/core';
import { fixturePath } from '@tamp/fixtures';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

const bin = fileURLToPath(new URL('../bin/tamp.js', import.meta.url));
/** Each kill is two runs of some seconds; TAMP_KILLS=25 takes the time for more moments. */
const kills = Number(process.env.TAMP_KILLS ?? 6);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-kill-'));
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `model: ${JSON.stringify(fixturePath('tiny-llama'))}
data: { calibration: { text: ${JSON.stringify(fixturePath('tiny-llama', 'calibration.txt'))}, samples: 4, sequenceLength: 64 } }
modifiers:
  - use: "@tamp/gptq"
    ignore: [lm_head]
    weights: { bits: 4, groupSize: 64 }
    rangeSearch: { gridPoints: 32 }
export:
  - { to: out/model.tamp.zip, compression: store }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const archive = (): string => join(folder, 'out', 'model.tamp.zip');
const kept = (): readonly string[] => readdirSync(folder).filter((name) => name.startsWith('.tamp-resume-'));

/** Starts a run and kills it after some time; whether it was still at work. */
function killed(milliseconds: number): Promise<boolean> {
  const child = spawn(process.execPath, [bin, 'run', 'recipe.yaml', '--resume', '--quiet'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      clearTimeout(timer);
      resolve(signal === 'SIGKILL');
    });
  });
}

it(`a run killed at ${kills} random moments goes on to the same bytes, and no partial archive has the name`, async () => {
  const started = performance.now();
  expect((await tamp(['run', 'recipe.yaml', '--quiet'], { cwd: folder })).code).toBe(0);
  const duration = performance.now() - started;
  const undisturbed = readFileSync(archive());
  expect(kept()).toEqual([]);

  const random = new Random(7);
  let interrupted = 0;
  let wentOn = 0;
  for (let kill = 0; kill < kills; kill++) {
    rmSync(join(folder, 'out'), { recursive: true, force: true });
    if (await killed(duration * random.uniform())) interrupted++;
    // Whole or not there at all.
    if (existsSync(archive())) expect(readFileSync(archive()).equals(undisturbed)).toBe(true);
    if (kept().length > 0) wentOn++;
    const { code, stderr } = await tamp(['run', 'recipe.yaml', '--resume', '--quiet'], { cwd: folder });
    expect([code, stderr]).toEqual([0, '']);
    expect(readFileSync(archive()).equals(undisturbed)).toBe(true);
    expect(kept()).toEqual([]);
  }
  // The moments are spread over the whole run: most come before its end, and some while it calibrates.
  expect(interrupted).toBeGreaterThanOrEqual(kills / 2);
  expect(wentOn).toBeGreaterThan(0);
}, 600_000);
