import { cpus } from 'node:os';
import type { Contender } from './cases.js';
import type { Result } from './measure.js';

function describe({ peer, variant, threads }: Contender): string {
  return `${peer} ${variant}${threads > 1 ? `, ${threads} threads` : ''}`;
}

function duration(milliseconds: number): string {
  return milliseconds < 10 ? `${(milliseconds * 1000).toFixed(0)} µs` : `${milliseconds.toFixed(1)} ms`;
}

/** One case as a Markdown table. */
export function resultTable({ comparison, measurements, failures }: Result): string {
  const rows = measurements.map(
    ({ contender, median, fastest, ratio, fastestRatio, relativeError }) =>
      `| ${describe(contender)} | ${duration(median)} | ${ratio.toFixed(2)} | ${duration(fastest)} | ${fastestRatio.toFixed(2)} | ${relativeError.toExponential(0)} |`,
  );
  return [
    `### ${comparison.title}`,
    '',
    '| | median | × the first | fastest | × the first | error |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    ...failures.map(({ contender, problem }) => `\n${describe(contender)} did not run: ${problem}.`),
    '',
  ].join('\n');
}

/** What the figures were measured on. */
export function environment(): string {
  const [cpu] = cpus();
  return `${cpu?.model ?? 'unknown processor'}, ${cpus().length} cores, ${process.platform} ${process.arch}`;
}
