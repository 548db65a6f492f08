import type { LayerReport } from '@tamp/core';
import { bytesText } from '@tamp/report';
import type { errorChart, sizeChart } from '@tamp/report/page';
import type { JSX } from 'preact';
import { useCallback } from 'preact/hooks';
import { runState } from '../state/run.js';
import { Card } from './card.js';
import { Chart } from './chart.js';
import { loadReportPage } from './load-report-page.js';
import { NotLoaded } from './not-loaded.js';
import { useLoaded } from './use-loaded.js';

function LayerTable({ layers }: { readonly layers: readonly LayerReport[] }): JSX.Element {
  return (
    // Wider than a phone: it scrolls by itself, which the keyboard must reach.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="scroll" tabIndex={0} aria-label="Layers as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">scheme</th>
            <th scope="col" class="number">
              before
            </th>
            <th scope="col" class="number">
              after
            </th>
            <th scope="col" class="number">
              error
            </th>
          </tr>
        </thead>
        <tbody>
          {layers.map((entry) => (
            <tr key={`${entry.modifier} ${entry.layer}`}>
              <th scope="row">{entry.layer}</th>
              <td>{entry.scheme}</td>
              <td class="number">{bytesText(entry.bytesBefore)}</td>
              <td class="number">{bytesText(entry.bytesAfter)}</td>
              <td class="number">{entry.relativeError?.toPrecision(3) ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function DrawnLayers({
  layers,
  sizes,
  errors,
}: {
  readonly layers: readonly LayerReport[];
  readonly sizes: typeof sizeChart;
  readonly errors: typeof errorChart;
}): JSX.Element {
  const drawSizes = useCallback((width: number) => sizes(document, layers, { width }), [layers, sizes]);
  const drawErrors = useCallback((width: number) => errors(document, layers, { width }), [layers, errors]);
  const hasErrors = layers.some(({ relativeError }) => relativeError !== undefined);
  return (
    <div class="charts">
      <div>
        <h3>Size</h3>
        <Chart draw={drawSizes} />
      </div>
      {hasErrors && (
        <div>
          <h3>Error</h3>
          <Chart draw={drawErrors} />
        </div>
      )}
    </div>
  );
}

function LayerCharts({ layers }: { readonly layers: readonly LayerReport[] }): JSX.Element {
  const charts = useLoaded(loadReportPage);
  switch (charts.kind) {
    case 'loading':
      return <p class="muted">Drawing …</p>;
    case 'failed':
      return <NotLoaded what="the code that draws the charts" />;
    case 'loaded': {
      const { sizeChart, errorChart } = charts.module;
      return <DrawnLayers layers={layers} sizes={sizeChart} errors={errorChart} />;
    }
  }
}

/** What happened to each layer. */
export function LayersCard(): JSX.Element | null {
  const state = runState.value;
  if (state.kind !== 'done' || state.report.result.layers.length === 0) return null;
  const { layers } = state.report.result;
  return (
    <Card id="layers" title="Layers">
      <p class="hint">
        The error is the norm of what rounding changed, as a share of the weight’s norm. Layers that stand out
        are the first to give more bits or smaller groups.
      </p>
      <LayerCharts layers={layers} />
      <details>
        <summary>As a table</summary>
        <LayerTable layers={layers} />
      </details>
    </Card>
  );
}
