import { Window } from 'happy-dom';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReportData } from '../src/index.js';
import { reportPage } from '../src/page.js';

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

const window = new Window();
afterAll(() => window.happyDOM.close());

function pageOf(report: ReportData): string {
  // happy-dom implements the standard DOM under types of its own.
  return reportPage(report, window.document.implementation.createHTMLDocument() as unknown as Document);
}

describe('reportPage', () => {
  it('shows sizes, quality, artifacts and each layer', () => {
    const page = pageOf(data);
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

  it('says in words what a layer lost, where modifiers do', () => {
    expect(pageOf(data)).not.toContain('note');
    const [first, ...others] = data.layers;
    const note = "loses 0.4% of its output's energy on the calibration data";
    const page = pageOf({ ...data, layers: [{ ...first, note }, ...others] });
    expect(page).toContain('note');
    expect(page).toContain(note);
  });

  it('takes nothing of the model for markup and asks for nothing from elsewhere', () => {
    const page = pageOf(data);
    expect(page).not.toMatch(/<script|<img|<link|<iframe|src=x[^&]*>(?!.*&lt;img)/i);
    expect(page).toContain('&lt;script&gt;');
    expect(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/https?:\/\//);
  });

  it('leaves out what was not measured', () => {
    const page = pageOf({
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
