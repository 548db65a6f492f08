import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '@tamp/core';
import { fixturePath } from '@tamp/fixtures';
import { fullTests } from '@tamp/fixtures/full-tests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

const bin = fileURLToPath(new URL('../bin/tamp.js', import.meta.url));
const makeModel = fileURLToPath(new URL('../../../examples/large-llama/make-model.mjs', import.meta.url));
/** Each kill is two runs of some seconds. */
const kills = Number(process.env.TAMP_KILLS ?? (fullTests ? 25 : 4));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-kill-'));
  // Large enough that its archive is written while it is made.
  execFileSync(process.execPath, [makeModel, '--preset', '39m', '--out', join(folder, 'large')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recipes = {
  'that calibrates': `model: ${JSON.stringify(fixturePath('tiny-llama'))}
data: { calibration: { text: ${JSON.stringify(fixturePath('tiny-llama', 'calibration.txt'))}, samples: 4, sequenceLength: 64 } }
modifiers:
  # Has a last word after all parts, for which it must know what was done before a kill.
  - use: "@tamp/equalization"
    ignore: [lm_head]
    smooth: 0.5
  - use: "@tamp/gptq"
    ignore: [lm_head]
    weights: { bits: 4, groupSize: 64 }
    rangeSearch: { gridPoints: 32 }
export:
  - { to: out/model.tamp.zip }
  - { to: out/stored.tamp.zip, compression: store }
`,
  // A search that takes some seconds: a run of less than one keeps nothing. DEFLATE takes three times as long again.
  'without data, of a large model': `model: ../large
modifiers:
  - use: "@tamp/weight-only"
    ignore: [lm_head]
    weights: { bits: 4, groupSize: 64 }
    rangeSearch: { observer: mse, gridPoints: 16 }
export:
  - { to: out/stored.tamp.zip, compression: store }
${fullTests ? '  - { to: out/model.tamp.zip }\n' : ''}`,
};

/** Starts a run and kills it once `isTime` of the milliseconds it has run; whether it was still at work. */
function killed(cwd: string, isTime: (elapsed: number) => boolean): Promise<boolean> {
  const started = performance.now();
  const child = spawn(process.execPath, [bin, 'run', 'recipe.yaml', '--resume', '--quiet'], {
    cwd,
    stdio: 'ignore',
  });
  const timer = setInterval(() => {
    if (isTime(performance.now() - started)) child.kill('SIGKILL');
  }, 2);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      clearInterval(timer);
      resolve(signal === 'SIGKILL');
    });
  });
}

/** The archives of a run, by name; those that have no name yet are none. */
function archives(at: string): ReadonlyMap<string, Buffer> {
  const out = join(at, 'out');
  const names = existsSync(out) ? readdirSync(out).filter((name) => !name.startsWith('.')) : [];
  return new Map(names.map((name) => [name, readFileSync(join(out, name))]));
}

describe.each(Object.entries(recipes))('a run %s', (name, recipe) => {
  it(`killed at ${kills} random moments, and once it keeps something, goes on to the same bytes, and no partial archive has the name`, async () => {
    const at = join(folder, name.replaceAll(/\W/g, '-'));
    mkdirSync(at);
    writeFileSync(join(at, 'recipe.yaml'), recipe);
    const kept = (): readonly string[] => readdirSync(at).filter((file) => file.startsWith('.tamp-resume-'));
    const started = performance.now();
    expect((await tamp(['run', 'recipe.yaml', '--quiet'], { cwd: at })).code).toBe(0);
    let duration = performance.now() - started;
    const undisturbed = archives(at);
    expect(undisturbed.size).toBe(recipe.match(/to: /g)?.length);
    expect(kept()).toEqual([]);

    const killAndGoOn = async (isTime: (elapsed: number) => boolean): Promise<boolean> => {
      rmSync(join(at, 'out'), { recursive: true, force: true });
      const interrupted = await killed(at, isTime);
      // Whole or not there at all.
      for (const [file, bytes] of archives(at)) expect(undisturbed.get(file)?.equals(bytes), file).toBe(true);
      const { code, stderr } = await tamp(['run', 'recipe.yaml', '--resume', '--quiet'], { cwd: at });
      expect([code, stderr]).toEqual([0, '']);
      for (const [file, bytes] of undisturbed) expect(archives(at).get(file)?.equals(bytes), file).toBe(true);
      expect(kept()).toEqual([]);
      // Nothing that was begun and killed is left beside the archives.
      expect(readdirSync(join(at, 'out')).toSorted()).toEqual([...undisturbed.keys()].toSorted());
      return interrupted;
    };

    const random = new Random(7);
    for (let kill = 0; kill < kills; ) {
      const moment = duration * random.uniform();
      if (await killAndGoOn((elapsed) => elapsed >= moment)) kill++;
      // The machine has become faster since: that run was over before.
      else duration = moment;
    }
    // Once surely where something is kept already.
    expect(await killAndGoOn(() => kept().length > 0)).toBe(true);
  }, 1_200_000);
});
