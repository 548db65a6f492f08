import type { RunResult } from '@tamp/recipe';
import { bytesText, durationText, percentText, qualityRows } from '@tamp/report';
import { shownPath } from '../host/open-model.js';
import { tableText } from './table.js';
import type { Terminal } from './terminal.js';

function errorText(error: number | undefined): string {
  return error === undefined ? '' : percentText(error).slice(1);
}

/** What a run did, as tables: each layer, then size and quality before and after, then what was written. */
export function resultText(terminal: Terminal, result: RunResult): string {
  const { layers, sizes, evaluation, artifacts, seconds, peakMemoryBytes } = result;
  const parts: string[] = [];
  if (layers.length > 0) {
    const hasNotes = layers.some(({ note }) => note !== undefined);
    parts.push(
      tableText(
        terminal,
        [
          { title: 'layer' },
          { title: 'scheme' },
          { title: 'before', align: 'right' },
          { title: 'after', align: 'right' },
          { title: 'error', align: 'right' },
          ...(hasNotes ? [{ title: 'note' }] : []),
        ],
        layers.map((layer) => [
          layer.layer,
          layer.scheme,
          bytesText(layer.bytesBefore),
          bytesText(layer.bytesAfter),
          errorText(layer.relativeError),
          ...(hasNotes ? [layer.note ?? ''] : []),
        ]),
      ),
    );
  }

  const { before, after } = evaluation;
  const rows = [
    [
      'parameters',
      bytesText(sizes.before),
      bytesText(sizes.after),
      sizes.after === 0 ? '' : `${(sizes.before / sizes.after).toFixed(2)}× smaller`,
    ],
  ];
  const relative = (a: number, b: number): string => percentText(b / a - 1);
  for (const row of qualityRows(before, after, 6, relative)) {
    rows.push([row.name, row.before, row.after, row.change]);
  }
  parts.push(
    tableText(
      terminal,
      [
        { title: '' },
        { title: 'before', align: 'right' },
        { title: 'after', align: 'right' },
        { title: 'change', align: 'right' },
      ],
      rows,
    ),
  );

  for (const { path, bytes } of artifacts) {
    parts.push(
      `${terminal.colors.green('Written')} ${shownPath(path)}, ${bytesText(bytes)} (${bytes} bytes)`,
    );
  }
  const memory = peakMemoryBytes === null ? '' : `, at most ${bytesText(peakMemoryBytes)} of memory`;
  parts.push(`${durationText(seconds)}${memory}`);
  return parts.join('\n\n').replace(/\n\n(?=\S*Written)/g, '\n');
}
