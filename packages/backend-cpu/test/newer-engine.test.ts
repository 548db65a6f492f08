import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { newerNode } from '@tamp/fixtures/newer-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { type SimdVariant, supportedSimdVariants } from '../src/index.js';
import { kernelTests, repository, testFiles } from './newer-engine/test-files.js';

/** What is read of the report that vitest writes. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly meta: { readonly simd?: readonly SimdVariant[] };
    }[];
  }[];
}

/** A run of {@link testFiles} in another Node. */
interface Run {
  readonly exitCode: number | null;
  /** What it said, failures with their places included. */
  readonly output: string;
  /** By file, relative to the repository: how its tests ended, and the SIMD of the backends that it registered. */
  readonly files: ReadonlyMap<
    string,
    { readonly statuses: ReadonlySet<string>; readonly simd: ReadonlySet<SimdVariant> }
  >;
}

/** Of this process's variables only those that vitest, which runs it, has no part in. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => ['PATH', 'HOME', 'TMPDIR'].includes(name) || name.startsWith('TAMP_'),
  );
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

async function runTests(node: string): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tamp-newer-engine-'));
  try {
    const report = join(folder, 'report.json');
    const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
    const config = join(import.meta.dirname, 'newer-engine/vitest.config.ts');
    const child = spawn(
      node,
      [
        ...[vitest, 'run', '--config', config, '--silent=passed-only'],
        ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      ],
      { cwd: repository, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    // A run that did not come to its tests leaves no report, only its output.
    const { testResults }: Report = existsSync(report)
      ? JSON.parse(readFileSync(report, 'utf8'))
      : { testResults: [] };
    return {
      exitCode,
      output,
      files: new Map(
        testResults.map(({ name, assertionResults }) => [
          relative(repository, name),
          {
            statuses: new Set(assertionResults.map(({ status }) => status)),
            simd: new Set(assertionResults.flatMap(({ meta }) => meta.simd ?? [])),
          },
        ]),
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const title = 'tests of the kernels with relaxed SIMD';
// An engine that has relaxed SIMD runs those tests itself.
const node = (await supportedSimdVariants()).includes('relaxed') ? undefined : newerNode(title);

describe.skipIf(node === undefined)(`${title}, in a newer Node`, () => {
  let run: Run;
  beforeAll(async () => {
    if (node !== undefined) run = await runTests(node);
    // Most of a minute on one core; machines may be busy besides.
  }, 600_000);

  it('pass', () => {
    expect(run.exitCode, run.output).toBe(0);
    expect([...run.files.keys()].toSorted()).toEqual(testFiles.toSorted());
  });

  it('skip nothing', () => {
    for (const [file, { statuses }] of run.files) {
      // Those that fail are above, with their reasons.
      for (const status of statuses) expect(['passed', 'failed'], file).toContain(status);
    }
  });

  it('take relaxed SIMD wherever they register a backend', () => {
    const simd = [...run.files].flatMap(([file, { simd }]) => (simd.size === 0 ? [] : [{ file, simd }]));
    expect(simd.map(({ file }) => file)).toEqual(expect.arrayContaining([...kernelTests]));
    // Without being told otherwise, a backend takes the widest that the processor has.
    expect(simd.filter(({ simd }) => !simd.has('relaxed') && !simd.has('relaxed-wide'))).toEqual([]);
  });
});
