import type { LayerReport } from '@tamp/core';
import { bytesText } from './bytes-text.js';
import { errorChart, sizeChart } from './charts.js';
import { qualityRows } from './quality-rows.js';
import type { EpochReport, ReportData } from './report-data.js';

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #8884; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
code { font-size: .93em; }
`;

/** A cell's text; numbers align to the right. */
type Cell = string | { readonly number: string };

function element(document: Document, tag: string, text: string): Element {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}

function table(document: Document, head: readonly Cell[], rows: readonly (readonly Cell[])[]): Element {
  const row = (tag: string, cells: readonly Cell[]): Element => {
    const line = document.createElement('tr');
    for (const cell of cells) {
      const node = element(document, tag, typeof cell === 'string' ? cell : cell.number);
      if (typeof cell !== 'string') node.setAttribute('class', 'number');
      line.append(node);
    }
    return line;
  };
  const node = document.createElement('table');
  node.append(row('th', head), ...rows.map((cells) => row('td', cells)));
  return node;
}

/** A layer's own figures: `mse 0.0012, snr 21.3`. */
function figuresText(layer: LayerReport): string {
  return Object.entries(layer.figures ?? {})
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ');
}

/** One line for each epoch of training, with the figures of the modifiers. */
function trainingTable(document: Document, epochs: readonly EpochReport[]): Element {
  const names = [...new Set(epochs.flatMap(({ figures }) => Object.keys(figures)))];
  const number = (value: number | undefined): Cell => ({
    number: value === undefined ? '' : `${Number(value.toPrecision(5))}`,
  });
  return table(
    document,
    [
      'epoch',
      ...['loss', 'penalty', 'validation loss', 'accuracy', ...names].map((name) => ({ number: name })),
    ],
    epochs.map(({ epoch, loss, penalty, validation, figures }) => [
      `${epoch}`,
      number(loss),
      number(penalty),
      number(validation?.loss),
      number(validation?.accuracy),
      ...names.map((name) => number(figures[name])),
    ]),
  );
}

function summary(document: Document, data: ReportData): Element {
  const { before, after } = data.evaluation;
  const rows: (readonly Cell[])[] = [
    [
      'parameters',
      { number: bytesText(data.sizes.before) },
      { number: bytesText(data.sizes.after) },
      { number: `${(data.sizes.before / data.sizes.after).toFixed(2)}× smaller` },
    ],
  ];
  const signed = (a: number, b: number): string => `${b >= a ? '+' : ''}${(b - a).toFixed(4)}`;
  for (const row of qualityRows(before, after, 4, signed)) {
    rows.push([row.name, { number: row.before }, { number: row.after }, { number: row.change }]);
  }
  return table(document, ['', { number: 'before' }, { number: 'after' }, { number: 'change' }], rows);
}

/**
 * The outcome of a run as one self-contained HTML page: no scripts, no requests, charts as inline SVG. Names from
 * models become text nodes, so nothing in them is taken for markup. `document` is an empty one of its own: a page's
 * `document.implementation.createHTMLDocument()`, or what stands in for it elsewhere.
 */
export function reportPage(data: ReportData, document: Document): string {
  const { layers } = data;
  document.title = `tamp: ${data.model}`;
  document.documentElement.setAttribute('lang', 'en');
  const charset = document.createElement('meta');
  charset.setAttribute('charset', 'utf-8');
  const viewport = document.createElement('meta');
  viewport.setAttribute('name', 'viewport');
  viewport.setAttribute('content', 'width=device-width');
  document.head.append(charset, viewport, element(document, 'style', style));

  const body = document.body;
  body.append(element(document, 'h1', `Compressed: ${data.model}`), summary(document, data));
  const peak = data.peakMemoryBytes === null ? '' : `, peak memory ${bytesText(data.peakMemoryBytes)}`;
  body.append(element(document, 'p', `${data.seconds.toFixed(1)} s${peak}.`));
  if (data.artifacts.length > 0) {
    body.append(
      element(document, 'h2', 'Written'),
      table(
        document,
        ['file', { number: 'size' }],
        data.artifacts.map(({ path, bytes }) => [path, { number: bytesText(bytes) }]),
      ),
    );
  }
  if (data.training !== undefined) {
    body.append(element(document, 'h2', 'Training'), trainingTable(document, data.training));
  }
  if (layers.length > 0) {
    body.append(element(document, 'h2', 'Size by layer'), sizeChart(document, layers));
    if (layers.some((entry) => entry.relativeError !== undefined)) {
      body.append(
        element(document, 'h2', 'Error by layer'),
        element(
          document,
          'p',
          'Norm of what rounding changed, as a share of the weight’s norm. Layers that stand out are the first to give more bits or smaller groups.',
        ),
        errorChart(document, layers),
      );
    }
    const hasNotes = layers.some(({ note }) => note !== undefined);
    body.append(
      element(document, 'h2', 'Layers'),
      table(
        document,
        [
          'layer',
          'scheme',
          { number: 'before' },
          { number: 'after' },
          { number: 'error' },
          ...(hasNotes ? ['note'] : []),
          'figures',
          'modifier',
        ],
        layers.map((entry) => [
          entry.layer,
          entry.scheme,
          { number: bytesText(entry.bytesBefore) },
          { number: bytesText(entry.bytesAfter) },
          { number: entry.relativeError?.toPrecision(3) ?? '' },
          ...(hasNotes ? [entry.note ?? ''] : []),
          figuresText(entry),
          entry.modifier,
        ]),
      ),
    );
  }
  return `<!doctype html>\n${document.documentElement.outerHTML}\n`;
}
