import * as Plot from '@observablehq/plot';
import type { LayerReport } from '@tamp/core';

/** Colours that hold on a light and on a dark page. */
const before = '#9aa5b8';
const after = '#3b7dd8';
const error = '#d9822b';

/** Room for the layers' names, in pixels: about 6 per character of the longest. */
function labelWidth(layers: readonly LayerReport[]): number {
  return Math.min(420, 30 + 6 * Math.max(0, ...layers.map((entry) => entry.layer.length)));
}

function chart(
  document: Document,
  layers: readonly LayerReport[],
  label: string,
  marks: Plot.Markish[],
): Element {
  return Plot.plot({
    document,
    width: 960,
    height: 60 + 18 * layers.length,
    marginLeft: labelWidth(layers),
    ariaLabel: label,
    style: { background: 'none' },
    x: { grid: true, label },
    y: { label: null, domain: layers.map((entry) => entry.layer) },
    marks,
  });
}

/** Bytes of each layer's weight before (thin) and after (thick), as an SVG element of `document`. */
export function sizeChart(document: Document, layers: readonly LayerReport[]): Element {
  return chart(document, layers, 'size of the weight, kB: before (grey), after (blue)', [
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
export function errorChart(document: Document, layers: readonly LayerReport[]): Element {
  return chart(document, layers, 'relative error of the weight', [
    Plot.barX(layers, { x: 'relativeError', y: 'layer', fill: error }),
    Plot.ruleX([0]),
  ]);
}
