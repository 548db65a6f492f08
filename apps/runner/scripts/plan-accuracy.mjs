// Compares what `tamp plan` predicts with what `tamp run` takes: time, memory and disk of each stage.
//
//   node apps/runner/scripts/plan-accuracy.mjs [recipe.yaml …]
//
// Without recipes: those of examples/, large-llama's if its model is there. Linux only, on an otherwise idle machine;
// needs the packages to be built. Prints a table in Markdown; stages of less than a second are left out.
import { execFileSync, fork } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const here = dirname(fileURLToPath(import.meta.url));
const examples = resolve(here, '../../../examples');
const bin = resolve(here, '../bin/tamp.js');
const leastSeconds = 1;

function defaultRecipes() {
  const named = [
    ...['w4a16', 'w4a16-mse', 'w8a8', 'gptq-w4a16', 'awq-w4a16'].map((name) => `tiny-llama/${name}.yaml`),
    ...['mlp', 'cnn', 'mlp-int8', 'cnn-int8'].map((name) => `digits/${name}.yaml`),
  ];
  if (existsSync(join(examples, 'large-llama/model'))) {
    named.push('large-llama/w4a16.yaml', 'large-llama/gptq-w4a16.yaml');
  }
  return named.map((name) => join(examples, name));
}

/** The recipe in a folder of its own: what it reads by absolute paths, what it writes there, no report, no gates. */
function copyRecipe(path, folder) {
  const { report, gates, ...recipe } = parse(readFileSync(path, 'utf8'));
  const absolute = (name) => resolve(dirname(path), name);
  recipe.model = absolute(recipe.model);
  for (const source of Object.values(recipe.data ?? {})) {
    for (const key of ['text', 'file']) if (source[key] !== undefined) source[key] = absolute(source[key]);
  }
  if (recipe.training?.checkpoint !== undefined) recipe.training.checkpoint = 'checkpoint.safetensors';
  const copy = join(folder, 'recipe.yaml');
  writeFileSync(copy, stringify(recipe));
  return copy;
}

/** Bytes of all files in a folder; those that go away meanwhile are gone. */
function bytesIn(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile())
      bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

async function measure(recipe, folder, env) {
  const stages = [];
  const before = bytesIn(folder);
  let diskBytes = 0;
  const look = () => {
    try {
      diskBytes = Math.max(diskBytes, bytesIn(folder) - before);
    } catch {
      // A folder went away while it was read.
    }
  };
  const timer = setInterval(look, 10);
  const child = fork(join(here, 'measure-run.mjs'), [recipe], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('message', (stage) => {
    look();
    stages.push({ ...stage, diskBytes });
    diskBytes = 0;
  });
  const code = await new Promise((done) => child.on('close', done));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${recipe} ended with ${code}`);
  return stages;
}

const seconds = (value) => (value === null ? 'not known' : `${value.toPrecision(3)} s`);
const megabytes = (value) => `${Math.round(value / 1e6)} MB`;
const off = (planned, measured) => {
  if (planned === null || measured === 0) return '';
  const error = planned / measured - 1;
  return ` (${error >= 0 ? '+' : '−'}${Math.abs(100 * error).toFixed(0)}%)`;
};
const both = (show, planned, measured) => `${show(planned)} / ${show(measured)}${off(planned, measured)}`;

const given = process.argv.slice(2);
console.log('| recipe | stage | time: planned / measured | memory | disk |');
console.log('| --- | --- | --- | --- | --- |');
for (const path of given.length > 0 ? given.map((name) => resolve(name)) : defaultRecipes()) {
  const folder = mkdtempSync(join(tmpdir(), 'tamp-plan-accuracy-'));
  try {
    const recipe = copyRecipe(path, folder);
    const scratch = join(folder, 'scratch');
    mkdirSync(scratch);
    const env = { ...process.env, TMPDIR: scratch };
    const { phases } = JSON.parse(execFileSync(process.execPath, [bin, 'plan', recipe, '--json'], { env }));
    const measured = await measure(recipe, folder, env);
    for (const [i, stage] of measured.entries()) {
      if (stage.seconds < leastSeconds && !process.env.TAMP_ALL_STAGES) continue;
      const planned = phases[i];
      const name = relative(examples, path);
      const cells = [
        both(seconds, planned.seconds, stage.seconds),
        both(megabytes, planned.memoryBytes, stage.memoryBytes),
        both(megabytes, planned.diskBytes, stage.diskBytes),
      ];
      console.log(`| ${name} | ${stage.stage} | ${cells.join(' | ')} |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
