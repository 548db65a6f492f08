import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReportData } from '@tamp/report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../src/report/write-report.js';

const data: ReportData = {
  model: './model',
  evaluation: { before: { perplexity: 13.25 }, after: { perplexity: 13.5 } },
  sizes: { before: 3_540_000, after: 1_310_000 },
  artifacts: [{ path: 'out/model.tamp.zip', bytes: 1_090_000 }],
  layers: [],
  seconds: 12.34,
  peakMemoryBytes: 312_000_000,
};

describe('writeReport', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tamp-report-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('writes the page or its data by the ending, and nothing besides', async () => {
    await writeReport(data, join(folder, 'report.html'));
    await writeReport(data, join(folder, 'report.json'));
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toEqual(data);
    expect((await readdir(folder)).sort()).toEqual(['report.html', 'report.json']);
  });

  it('refuses another ending', async () => {
    await expect(writeReport(data, join(folder, 'report.pdf'))).rejects.toThrow(
      /report\.pdf: .*\.html or \.json/,
    );
  });
});
