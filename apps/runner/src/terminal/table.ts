import Table from 'cli-table3';
import type { Terminal } from './terminal.js';

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** No lines but one below the titles: readable, and easy to cut apart by a script. */
const lines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

const gap = lines.middle.length;
/** A name is not cut further than this. */
const leastName = 16;

/** Room for the first column, which holds names, so that a row fits the terminal. */
function nameRoom(
  columns: number | undefined,
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): number {
  if (columns === undefined) return Number.POSITIVE_INFINITY;
  const others = titles
    .slice(1)
    .map((title, i) => gap + Math.max(title.length, ...rows.map((row) => row[i + 1]?.length ?? 0)));
  return Math.max(leastName, columns - others.reduce((sum, width) => sum + width, 0));
}

/** The end of a name that is too long: there names of layers differ. */
function shortened(name: string, room: number): string {
  return name.length > room ? `…${name.slice(1 - room)}` : name;
}

/**
 * Rows as text with aligned columns; titles are dim where there are colours. Where rows are wider than the terminal, the
 * first column is cut at its start.
 */
export function tableText(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const titles = columns.map(({ title }) => title);
  const room = nameRoom(terminal.columns, titles, rows);
  const table = new Table({
    head: titles.map((title) => terminal.colors.dim(title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    chars: lines,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  table.push(...rows.map(([name = '', ...rest]) => [shortened(name, room), ...rest]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
