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
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tamp } from './world/tamp.js';

const bin = fileURLToPath(new URL('../bin/tamp.js', import.meta.url));
const makeModel = fileURLToPath(new URL('../../../examples/large-llama/make-model.mjs', import.meta.url));
/** Each kill is two runs of some seconds; TAMP_KILLS=25 takes the time for more moments. */
const kills = Number(process.env.TAMP_KILLS ?? 6);

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
  - { to: out/model.tamp.zip, compression: store }
`,
  // A search that takes some seconds: a run of less than one keeps nothing.
  'without data, of a large model': `model: ../large
modifiers:
  - use: "@tamp/weight-only"
    ignore: [lm_head, "*.gate_proj", "*.up_proj", "model.layers.1.mlp.down_proj"]
    weights: { bits: 4, groupSize: 64 }
    rangeSearch: { observer: mse, gridPoints: 8 }
export:
  - { to: out/model.tamp.zip }
  - { to: out/stored.tamp.zip, compression: store }
`,
};

/** Starts a run and kills it after some time; whether it was still at work. */
function killed(cwd: string, milliseconds: number): Promise<boolean> {
  const child = spawn(process.execPath, [bin, 'run', 'recipe.yaml', '--resume', '--quiet'], {
    cwd,
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

/** The archives of a run, by name; those that have no name yet are none. */
function archives(at: string): ReadonlyMap<string, Buffer> {
  const out = join(at, 'out');
  const names = existsSync(out) ? readdirSync(out).filter((name) => !name.startsWith('.')) : [];
  return new Map(names.map((name) => [name, readFileSync(join(out, name))]));
}

describe.each(Object.entries(recipes))('a run %s', (name, recipe) => {
  it(`killed at ${kills} random moments goes on to the same bytes, and no partial archive has the name`, async () => {
    const at = join(folder, name.replaceAll(/\W/g, '-'));
    mkdirSync(at);
    writeFileSync(join(at, 'recipe.yaml'), recipe);
    const kept = (): readonly string[] => readdirSync(at).filter((file) => file.startsWith('.tamp-resume-'));
    const started = performance.now();
    expect((await tamp(['run', 'recipe.yaml', '--quiet'], { cwd: at })).code).toBe(0);
    const duration = performance.now() - started;
    const undisturbed = archives(at);
    expect(undisturbed.size).toBe(recipe.match(/to: /g)?.length);
    expect(kept()).toEqual([]);

    const random = new Random(7);
    let interrupted = 0;
    let wentOn = 0;
    for (let kill = 0; kill < kills; kill++) {
      rmSync(join(at, 'out'), { recursive: true, force: true });
      if (await killed(at, duration * random.uniform())) interrupted++;
      // Whole or not there at all.
      for (const [file, bytes] of archives(at)) expect(undisturbed.get(file)?.equals(bytes), file).toBe(true);
      if (kept().length > 0) wentOn++;
      const { code, stderr } = await tamp(['run', 'recipe.yaml', '--resume', '--quiet'], { cwd: at });
      expect([code, stderr]).toEqual([0, '']);
      for (const [file, bytes] of undisturbed) expect(archives(at).get(file)?.equals(bytes), file).toBe(true);
      expect(kept()).toEqual([]);
      // Nothing that was begun and killed is left beside the archives.
      expect(readdirSync(join(at, 'out')).toSorted()).toEqual([...undisturbed.keys()].toSorted());
    }
    // The moments are spread over the whole run: most come before its end, and some while it compresses.
    expect(interrupted).toBeGreaterThanOrEqual(kills / 2);
    expect(wentOn).toBeGreaterThan(0);
  }, 1_200_000);
});
