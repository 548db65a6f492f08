import { type AffineScheme, quantizeWeight, Random } from '@tamp/core';
import { expect, test } from 'vitest';
import { quantizeRows } from '../src/quantize-rows.js';

const signal = new AbortController().signal;
/** More than a block of 2^20 elements, and not a whole number of blocks. */
const [rows, columns] = [2100, 1024];

test('a weight of several blocks is quantized as in one go, and other tasks run meanwhile', async () => {
  const weight = new Random(4).fillNormal(new Float32Array(rows * columns));
  const schemes: readonly AffineScheme[] = [
    { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 256 } },
    { bits: 3, symmetric: false, granularity: { kind: 'group', groupSize: 512 } },
    { bits: 8, symmetric: true, granularity: { kind: 'channel' } },
    { bits: 8, symmetric: false, granularity: { kind: 'tensor' } },
  ];
  for (const scheme of schemes) {
    let tasks = 0;
    const timer = setInterval(() => tasks++, 0);
    const quantized = await quantizeRows(weight, rows, columns, scheme, { layer: 'w' }, signal);
    clearInterval(timer);
    const whole = quantizeWeight(weight, rows, columns, scheme);
    expect(Buffer.compare(Buffer.from(quantized.levels.buffer), Buffer.from(whole.levels.buffer))).toBe(0);
    expect(quantized.scales).toEqual(whole.scales);
    expect(quantized.zeroPoints).toEqual(whole.zeroPoints);
    expect(tasks > 0).toBe(scheme.granularity.kind !== 'tensor');
  }
});

test('a value that is not finite is named by its place in the whole weight, before any work', async () => {
  const weight = new Float32Array(rows * columns);
  weight[2050 * columns + 7] = Number.NaN;
  const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } };
  await expect(quantizeRows(weight, rows, columns, scheme, { layer: 'w' }, signal)).rejects.toThrow(
    'w: the value at row 2050, column 7 is NaN',
  );
});

test('an abort stops inside a layer', async () => {
  const controller = new AbortController();
  const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } };
  const weight = new Float32Array(rows * columns).fill(1);
  const run = quantizeRows(weight, rows, columns, scheme, { layer: 'w' }, controller.signal);
  controller.abort();
  await expect(run).rejects.toThrow(/abort/i);
});
