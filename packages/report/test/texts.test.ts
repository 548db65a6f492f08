import { describe, expect, it } from 'vitest';
import {
  amountText,
  bytesText,
  countText,
  durationText,
  percentText,
  remainingText,
  stageText,
} from '../src/index.js';

describe('texts', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.6, '1 min 0 s'],
    [185, '3 min 5 s'],
    [3 * 3600 + 125, '3 h 2 min'],
  ])('a duration of %d seconds', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it('amounts, counts and changes', () => {
    expect(amountText(1, 'window')).toBe('1 window');
    expect(amountText(1235, 'window')).toBe('1,235 windows');
    expect(countText(1773504)).toBe('1,773,504');
    expect(percentText(0.02283)).toBe('+2.28%');
    expect(percentText(-0.001)).toBe('-0.10%');
  });
});

describe('remaining time', () => {
  it('is in proportion to what is done', () => {
    expect(remainingText(25, 100, 10)).toBe('about 30 s left');
  });
  it('is not told too early, nor at the end', () => {
    expect(remainingText(1, 100, 10)).toBeUndefined();
    expect(remainingText(25, 100, 0.5)).toBeUndefined();
    expect(remainingText(100, 100, 10)).toBeUndefined();
    expect(remainingText(0, 0, 10)).toBeUndefined();
  });
});

describe('how far a stage is', () => {
  it('counts in its unit', () => {
    const stage = { key: 'a', title: 'A', unit: 'window' };
    expect(stageText(stage, 3, 10, 3, undefined)).toBe('3 of 10 windows, about 7.0 s left');
    expect(stageText({ ...stage, unit: 'byte' }, 1_500_000, 3_000_000, 0, 'x')).toBe('1.50 MB of 3.00 MB, x');
  });
});

describe('bytesText', () => {
  it.each<[number, string]>([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [9_995, '10.0 kB'],
    [99_950, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1_145_000, '1.15 MB'],
    [860_900_000, '861 MB'],
  ])('%d → %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
});
