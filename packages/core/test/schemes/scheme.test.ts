import { expect, test } from 'vitest';
import { isTampError } from '../../src/errors/tamp-error.js';
import {
  type AffineScheme,
  checkScheme,
  describeScheme,
  groupsPerRow,
  levelRange,
  scaleCount,
} from '../../src/schemes/scheme.js';

const w4g64: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 64 } };

function messageOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (isTampError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}

test('levels are signed two’s complement ranges', () => {
  expect(levelRange(2)).toEqual({ min: -2, max: 1 });
  expect(levelRange(4)).toEqual({ min: -8, max: 7 });
  expect(levelRange(8)).toEqual({ min: -128, max: 127 });
});

test('counts scales by granularity', () => {
  expect(groupsPerRow(w4g64, 192)).toBe(3);
  expect(scaleCount(w4g64, 10, 192)).toBe(30);
  expect(scaleCount({ ...w4g64, granularity: { kind: 'channel' } }, 10, 192)).toBe(10);
  expect(scaleCount({ ...w4g64, granularity: { kind: 'tensor' } }, 10, 192)).toBe(1);
});

test('describes a scheme in a few characters', () => {
  expect(describeScheme(w4g64)).toBe('W4 g64 sym');
  expect(describeScheme({ bits: 8, symmetric: false, granularity: { kind: 'channel' } })).toBe(
    'W8 channel asym',
  );
});

test('a group size that does not divide is refused with the nearest that do', () => {
  expect(messageOf(() => checkScheme(w4g64, 192, 'a.b'))).toBe('no error');
  const message = messageOf(() => checkScheme(w4g64, 180, 'model.layers.0.q_proj'));
  expect(message).toBe(
    "usage model.layers.0.q_proj: the group size 64 does not divide the layer's width of 180. " +
      'Choose 60 or 90, quantize per channel, or ignore this layer.',
  );
  expect(messageOf(() => checkScheme(w4g64, 48, 'x'))).toContain('Choose 48, ');
});

test('impossible bits and group sizes are refused', () => {
  for (const bits of [0, 1, 9, 2.5, Number.NaN]) {
    expect(messageOf(() => checkScheme({ ...w4g64, bits }, 192, 'x'))).toContain('usage x: ');
  }
  for (const groupSize of [0, -64, 1.5, Number.NaN]) {
    const scheme: AffineScheme = { ...w4g64, granularity: { kind: 'group', groupSize } };
    expect(messageOf(() => checkScheme(scheme, 192))).toContain('is not a whole number');
  }
});
