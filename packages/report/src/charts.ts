import * as Plot from '@observablehq/plot';
import type { LayerReport } from '@tamp/core';

/** Options of {@link sizeChart} and {@link errorChart}. */
export interface ChartOptions {
  /** Pixels. Default 960. Narrow charts show the end of a layer's name, where names differ. */
  readonly width?: number;
}

/** Colours that hold on a light and on a dark page. */
const before = '#9aa5b8';
const after = '#3b7dd8';
const error = '#d9822b';

/** Width of a character of a layer's name, about, in pixels. */
const characterWidth = 6;
const defaultWidth = 960;

function chart(
  document: Document,
  layers: readonly LayerReport[],
  label: string,
  { width = defaultWidth }: ChartOptions,
  marks: Plot.Markish[],
): Element {
  const longest = Math.max(0, ...layers.map((entry) => entry.layer.length));
  const marginLeft = Math.min(420, 0.45 * width, 30 + characterWidth * longest);
  const room = Math.floor((marginLeft - 12) / characterWidth);
  const shortened = (name: string): string => (name.length > room ? `…${name.slice(1 - room)}` : name);
  const svg = Plot.plot({
    document,
    width,
    height: 60 + 18 * layers.length,
    marginLeft,
    ariaLabel: label,
    style: { background: 'none' },
    x: { grid: true, label, ticks: Math.max(2, Math.floor((width - marginLeft) / 80)) },
    y: { label: null, domain: layers.map((entry) => entry.layer), tickFormat: shortened },
    marks,
  });
  // One picture with one name: Plot's names for its parts ("bar") would be read out, and ARIA forbids them there.
  svg.setAttribute('role', 'img');
  for (const part of svg.querySelectorAll('g[aria-label]')) part.removeAttribute('aria-label');
  return svg;
}

/** Bytes of each layer's weight before (thin) and after (thick), as an SVG element of `document`. */
export function sizeChart(
  document: Document,
  layers: readonly LayerReport[],
  options: ChartOptions = {},
): Element {
  return chart(document, layers, 'weight in kB: before (grey), after (blue)', options, [
    Plot.barX(layers, { x: (entry: LayerReport) => entry.bytesBefore / 1000, y: 'layer', fill: before }),
    Plot.barX(layers, {
      x: (entry: LayerReport) => entry.bytesAfter / 1000,
      y: 'layer',
      fill: after,
      insetTop: 2,
      insetBottom: 2,
    }),
    Plot.ruleX([0]),
  ]);
}

/** Relative error of each layer's weight, as an SVG element of `document`. */
export function errorChart(
  document: Document,
  layers: readonly LayerReport[],
  options: ChartOptions = {},
): Element {
  return chart(document, layers, 'relative error of the weight', options, [
    Plot.barX(layers, { x: 'relativeError', y: 'layer', fill: error }),
    Plot.ruleX([0]),
  ]);
}
