import type { RunResult } from '@tamp/recipe';
import { expect, it } from 'vitest';
import { resultText } from '../src/terminal/result-text.js';
import { processTerminal } from '../src/terminal/terminal.js';

const layer = {
  layer: 'layers.0',
  parameter: 'w',
  modifier: '@tamp/gptq',
  scheme: 'W4 g64 sym',
  bytesBefore: 2000,
  bytesAfter: 500,
};

function text(layers: RunResult['layers']): string {
  return resultText(processTerminal({ quiet: true }), {
    model: 'm',
    evaluation: { before: null, after: null },
    sizes: { before: 2000, after: 500 },
    artifacts: [],
    layers,
    seconds: 1,
    peakMemoryBytes: null,
  });
}

it('the table says in words what a layer lost, where modifiers do', () => {
  expect(text([layer])).not.toContain('note');
  const [head, first, second] = text([{ ...layer, note: 'loses 0.4%' }, layer]).split('\n');
  expect(head).toMatch(/note$/);
  expect(first).toMatch(/loses 0\.4%$/);
  expect(second).toMatch(/500 B$/);
});
