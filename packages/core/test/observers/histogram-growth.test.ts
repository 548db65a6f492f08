import { describe, expect, test } from 'vitest';
import { histogramObserver } from '../../src/observers/histogram-observer.js';
import { Random } from '../../src/random/random.js';

// The rule of PyTorch's HistogramObserver once more, from its description and without tamp's functions, over all values
// at once: what a histogram that grows between batches should come to.

const bins = 2048;
const levels = 256;

/** ∫ (x − centre)² over [from, to], cut at the borders of `steps` equal steps of which the outer ones reach to infinity. */
function squaredDistance(from: number, to: number, step: number): number {
  let sum = 0;
  for (let start = from; start < to; ) {
    const inside = Math.min(Math.max(Math.floor(start / step + 1e-9), 0), levels - 1);
    const end = inside === levels - 1 ? to : Math.min(to, (inside + 1) * step);
    const centre = (inside + 0.5) * step;
    sum += ((end - centre) ** 3 - (start - centre) ** 3) / 3;
    start = end;
  }
  return sum;
}

/** The range that the rule cuts all values to. */
function expectedRange(values: readonly number[]): { readonly min: number; readonly max: number } {
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  if (min === max) return { min, max };
  const width = (max - min) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - min) / width))]++;
  const upTo: number[] = [];
  counts.reduce((sum, count, bin) => (upTo[bin] = sum + count), 0);
  const error = (first: number, last: number): number =>
    counts.reduce((sum, count, bin) => {
      if (count === 0) return sum;
      const from = (bin - first) * width;
      return (
        sum + (count / width) * squaredDistance(from, from + width, (width * (last - first + 1)) / levels)
      );
    }, 0);
  let [first, last, low, high, smallest] = [0, bins - 1, 0, 1, Infinity];
  while (low < high) {
    let [left, right] = [first, last];
    while (left < last && upTo[left] < (low + 1e-5) * values.length) left++;
    while (right > first && upTo[right] > (high - 1e-5) * values.length) right--;
    const fromLeft = left - first > last - right;
    if (fromLeft) low += 1e-5;
    else high -= 1e-5;
    const next: readonly [number, number] = fromLeft ? [left, last] : [first, right];
    if (next[0] === first && next[1] === last) continue;
    const found = error(...next);
    if (found > smallest) break;
    smallest = found;
    [first, last] = next;
  }
  return { min: min + width * first, max: min + width * (last + 1) };
}

const random = new Random(77);
const normal = (size: number, centre = 0): Float32Array =>
  random.fillNormal(new Float32Array(3000)).map((value) => centre + value * size);
const heavy = (size: number): Float32Array => normal(1).map((value) => size * value ** 3);
const many = (size: number): Float32Array =>
  random.fillNormal(new Float32Array(50_000)).map((value) => value * size);
const constant = (value: number): Float32Array => new Float32Array(3000).fill(value);

const sequences: Readonly<Record<string, readonly Float32Array[]>> = {
  'a small range, a large one, a small one': [normal(0.1), normal(3), normal(0.1)],
  'heavy tails that grow and shrink': [heavy(0.2), heavy(2), heavy(0.05)],
  'a range that grows by little each time': [normal(1), normal(1.1), normal(1.2), normal(1.3)],
  'a range that grows to one side, then to the other': [normal(0.5), normal(1, 4), normal(1, -4)],
  'a constant first': [constant(0.7), normal(1), normal(2)],
  'a constant beyond the range': [normal(1), constant(6), normal(1)],
  'zeros first': [constant(0), normal(1), normal(0.2)],
  'zeros between': [normal(0.2), constant(0), normal(2)],
  'zeros last': [heavy(1), constant(0)],
  'two constants': [constant(-1), constant(3)],
  'positive values, zeros, a larger constant': [normal(1).map(Math.abs), constant(0), constant(5)],
  // A hundred-thousandth of all values, a step of the search, is then one of them.
  'a hundred thousand values': [many(0.3), many(1)],
  'a thousand times the range': [normal(0.001), normal(1), normal(0.001)],
};

describe('a histogram whose range grows and shrinks between batches', () => {
  test.each(Object.keys(sequences))('%s', (name) => {
    const observer = histogramObserver({ rule: { rule: 'observer', qmin: 0, qmax: levels - 1 } });
    for (const batch of sequences[name]) observer.observe(batch, [batch.length]);
    const { min, max } = expectedRange(sequences[name].flatMap((batch) => Array.from(batch)));
    const range = observer.range();
    // Counts are approximate once the range has grown: 1% of the scale, and one level.
    const span = Math.max(max, 0) - Math.min(min, 0);
    const { scale, zeroPoint } = observer.params();
    expect(Math.abs(scale[0] * (levels - 1) - span)).toBeLessThanOrEqual(0.01 * span);
    expect(Math.abs(zeroPoint[0] + (Math.min(min, 0) / span) * (levels - 1))).toBeLessThanOrEqual(1);
    // None of these cuts is near enough to another for that to move it by a bin; 2^-23 for float32 ends.
    const half = (0.5 * (max - min)) / bins + 2 ** -23 * span;
    expect(Math.abs(range.min[0] - min)).toBeLessThanOrEqual(half);
    expect(Math.abs(range.max[0] - max)).toBeLessThanOrEqual(half);
  });

  test('counts are spread evenly over the bins of the larger range', () => {
    const observer = histogramObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 } });
    const even = Float32Array.from({ length: 2 ** 16 }, (_, i) => i / (2 ** 16 - 1));
    for (const batch of [even, Float32Array.of(1.5)]) observer.observe(batch, [batch.length]);
    const state = observer.toJSON();
    if (!('histogram' in state) || state.histogram === undefined) throw new Error('there is no histogram');
    const { counts } = state.histogram;
    expect(counts.reduce((sum, count) => sum + count)).toBe(2 ** 16 + 1);
    // 48 values a bin, moved in sixteenths of the 32 that a bin of the smaller range has: one more or less at each end.
    const filled = Math.floor(counts.length / 1.5);
    for (const count of counts.slice(0, filled))
      expect(Math.abs(count - 48)).toBeLessThanOrEqual(2 * (32 / 16));
    expect(counts.slice(filled + 1, -1).every((count) => count === 0)).toBe(true);
    expect(counts.at(-1)).toBe(1);
  });
});
