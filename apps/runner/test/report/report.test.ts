import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesText } from '../../src/report/bytes-text.js';
import type { ReportData } from '../../src/report/report-data.js';
import { reportPage } from '../../src/report/report-page.js';
import { writeReport } from '../../src/report/write-report.js';

const data: ReportData = {
  model: './model <script>alert(1)</script>',
  evaluation: { before: { perplexity: 13.25 }, after: { perplexity: 13.5 } },
  sizes: { before: 3_540_000, after: 1_310_000 },
  artifacts: [{ path: 'out/model.tamp.zip', bytes: 1_090_000 }],
  layers: [
    {
      layer: 'layers.0.<img src=x onerror=alert(1)>',
      parameter: 'a.weight',
      modifier: '@tamp/weight-only',
      scheme: 'W4 g64 sym',
      bytesBefore: 73_728,
      bytesAfter: 20_736,
      relativeError: 0.0912345,
      figures: { snr: 20.7961 },
    },
    {
      layer: 'layers.1',
      parameter: 'b.weight',
      modifier: '@tamp/weight-only',
      scheme: 'W4 g64 sym',
      bytesBefore: 73_728,
      bytesAfter: 20_736,
    },
  ],
  seconds: 12.34,
  peakMemoryBytes: 312_000_000,
};

describe('reportPage', () => {
  it('shows sizes, quality, artifacts and each layer', async () => {
    const page = await reportPage(data);
    for (const text of [
      '3.54 MB',
      '1.31 MB',
      '2.70× smaller',
      '13.2500',
      '+0.2500',
      '1.09 MB',
      '0.0912',
      'snr 20.8',
    ]) {
      expect(page).toContain(text);
    }
    expect(page.match(/<svg/g)).toHaveLength(2);
  });

  it('takes nothing of the model for markup and asks for nothing from elsewhere', async () => {
    const page = await reportPage(data);
    expect(page).not.toMatch(/<script|<img|<link|<iframe|src=x[^&]*>(?!.*&lt;img)/i);
    expect(page).toContain('&lt;script&gt;');
    expect(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/https?:\/\//);
  });

  it('leaves out what was not measured', async () => {
    const page = await reportPage({
      ...data,
      evaluation: { before: null, after: null },
      layers: [],
      artifacts: [],
    });
    expect(page).not.toContain('perplexity');
    expect(page).not.toContain('<svg');
    expect(page).not.toContain('Written');
  });
});

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

describe('bytesText', () => {
  it.each<[number, string]>([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [9_995, '10.0 kB'],
    [99_950, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1_145_000, '1.15 MB'],
    [860_900_000, '861 MB'],
  ])('%d → %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
});
