import { createColors } from 'picocolors';
import { expect, it } from 'vitest';
import { tableText } from '../src/terminal/table.js';
import type { Terminal } from '../src/terminal/terminal.js';

const plain = createColors(false);
const nothing = (): void => {};
const base: Terminal = {
  result: nothing,
  stream: nothing,
  say: nothing,
  fail: nothing,
  live: false,
  quiet: false,
  colors: plain,
  wordColors: plain,
};
const columns = [{ title: 'layer' }, { title: 'bytes', align: 'right' }] as const;
const rows = [
  ['model.layers.10.self_attn.q_proj', '1,000'],
  ['lm_head', '20'],
];

it('cuts the start of names so that a row fits the terminal', () => {
  expect(tableText({ ...base, columns: 30 }, columns, rows)).toBe(
    [
      'layer                    bytes',
      '…rs.10.self_attn.q_proj  1,000',
      'lm_head                     20',
    ].join('\n'),
  );
});

it('leaves names whole where there is room or no terminal', () => {
  for (const terminal of [base, { ...base, columns: 80 }]) {
    expect(tableText(terminal, columns, rows)).toContain('model.layers.10.self_attn.q_proj  1,000');
  }
});
