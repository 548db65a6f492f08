import { appendFileSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ContenderProcess } from './contender-process.js';
import { measure } from './measure.js';
import { environment, resultTable } from './report.js';
import { webGpuComparisons } from './webgpu-cases.js';

const program = new Command('bench:webgpu')
  .description(
    "Times the WebGPU kernels through Dawn against tfjs's and onnxruntime's, interleaved, as ratios.",
  )
  .option('--rounds <number>', 'rounds per case (default: 7, and 3 on a software adapter)')
  .option(
    '--milliseconds <number>',
    'time of one contender in one round (default: 60, and 20 on a software adapter)',
  )
  .addOption(
    new Option(
      '--size <size>',
      'layers as in language models, or small ones; by default small on a software adapter',
    ).choices(['full', 'small']),
  )
  .option('--only <text>', 'only cases whose title contains this')
  .option('--write <file>', 'write the tables to this Markdown file')
  .option('--append <file>', 'add the tables alone to this Markdown file, to measure in several runs');
program.parse();
const options: {
  rounds?: string;
  milliseconds?: string;
  size?: 'full' | 'small';
  only?: string;
  write?: string;
  append?: string;
} = program.opts();

const probe = new ContenderProcess({ peer: 'tamp-webgpu', threads: 1, variant: '' }, process.execPath);
const started = await probe.ask({ command: 'start', contender: probe.contender });
probe.stop();
if (!started.ok) {
  console.error(
    `WebGPU does not start: ${started.problem}. Install a Vulkan driver, or name one in VK_ICD_FILENAMES.`,
  );
  process.exit(1);
}
const adapter = started.note ?? 'unknown';
const software = /swiftshader|llvmpipe|lavapipe/i.test(adapter);

const sections = [
  '# WebGPU benchmarks',
  '',
  `Adapter: ${adapter}. ${environment()}. Measured ${new Date().toISOString().slice(0, 10)}.`,
  ...(software
    ? [
        '',
        '**A software adapter: these figures say that everything runs, and nothing about speed on a GPU.**',
      ]
    : []),
  '',
  'A time is from a float array to a float array, uploads and reading back included; `queued` variants leave the input',
  'on the GPU and read one result in 32 runs. Ratios are of medians, and of the fastest. W4A8 quantizes',
  'activations to int8 in blocks of 32, as accuracy level 4 of onnxruntime does.',
  '',
];
console.log(sections.join('\n'));
const effort = {
  rounds: Number(options.rounds ?? (software ? 3 : 7)),
  milliseconds: Number(options.milliseconds ?? (software ? 20 : 60)),
};
/** Stands in every title: tables are quoted without their page. */
const where = `${adapter.replace(/;.*/, '')}${software ? ', software' : ''}`;
const tables: string[] = [];
for (const comparison of webGpuComparisons(options.size ?? (software ? 'small' : 'full'), software)) {
  if (!comparison.title.includes(options.only ?? '')) continue;
  const title = `${comparison.title} (${where})`;
  const once = software && comparison.benchmark.kind === 'model';
  const taken = once ? { ...effort, rounds: 1 } : effort;
  const table = resultTable(await measure({ ...comparison, title }, process.execPath, taken));
  console.log(table);
  tables.push(table);
  if (options.append !== undefined) appendFileSync(options.append, `\n${table}`);
}
if (options.write !== undefined) writeFileSync(options.write, [...sections, ...tables].join('\n'));
