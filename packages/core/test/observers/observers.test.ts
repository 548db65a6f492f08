import { readJsonFixture, readTensorFixture } from '@tamp/fixtures';
import { describe, expect, test } from 'vitest';
import { type AffineRule, chooseAffineParams } from '../../src/affine/affine-params.js';
import { dequantizeAffine, quantizeAffine } from '../../src/affine/quantize-affine.js';
import { isTampError } from '../../src/errors/tamp-error.js';
import { histogramObserver, meanSquaredErrorObserver } from '../../src/observers/histogram-observer.js';
import { minMaxObserver } from '../../src/observers/min-max-observer.js';
import { movingAverageObserver } from '../../src/observers/moving-average-observer.js';
import type { Observer } from '../../src/observers/observer.js';
import { perTokenObserver } from '../../src/observers/per-token-observer.js';
import { restoreObserver } from '../../src/observers/restore-observer.js';
import { Random } from '../../src/random/random.js';

interface ObserverCase {
  readonly case: number;
  readonly kind: string;
  readonly observer: string;
  readonly scale: readonly number[];
  readonly zero_point: readonly number[];
}

const unsigned: AffineRule = { rule: 'observer', qmin: 0, qmax: 255 };
const symmetric: AffineRule = { rule: 'observer', qmin: -128, qmax: 127, symmetric: true };

/** The reference's observers by the names the cases use. */
const factories: Readonly<Record<string, () => Observer>> = {
  minmax_affine_quint8: () => minMaxObserver({ rule: unsigned }),
  minmax_symmetric_qint8: () => minMaxObserver({ rule: symmetric }),
  // The reference's moving averages were made with an averaging constant of 0.1.
  ema_affine_quint8: () => movingAverageObserver({ rule: unsigned, averagingConstant: 0.1 }),
  channel_symmetric_qint8: () => minMaxObserver({ rule: symmetric, axis: 0 }),
  channel_affine_quint8: () => minMaxObserver({ rule: unsigned, axis: -1 }),
  histogram_affine_quint8: () => histogramObserver({ rule: unsigned }),
};

const cases = readJsonFixture<ObserverCase[]>('int8-linear', 'observers.json');
const file = readTensorFixture('int8-linear', 'observers.safetensors');

/** The batches of a case: the slices along the first axis. */
function batchesOf(index: number): { readonly values: Float32Array[]; readonly shape: readonly number[] } {
  const tensor = file.get(`${index}.batches`);
  const [count, ...shape] = tensor.shape;
  const all = tensor.float32();
  const size = all.length / count;
  return {
    values: Array.from({ length: count }, (_, i) => all.subarray(i * size, (i + 1) * size)),
    shape,
  };
}

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

describe.each(cases)('case $case ($kind), $observer', (item) => {
  const { values, shape } = batchesOf(item.case);

  test('scale and zero point are PyTorch’s', () => {
    const factory = factories[item.observer];
    expect(factory, `an observer named ${item.observer}`).toBeDefined();
    const observer = factory();
    for (const batch of values) observer.observe(batch, shape);
    const { scale, zeroPoint } = observer.params();
    if (item.observer.startsWith('histogram')) {
      // The reference counts in float32 and distributes counts in another order: 1%, and one level.
      item.scale.forEach((expected, i) => {
        expect(Math.abs(scale[i] - expected)).toBeLessThanOrEqual(0.01 * expected);
      });
      item.zero_point.forEach((expected, i) => {
        expect(Math.abs(zeroPoint[i] - expected)).toBeLessThanOrEqual(1);
      });
    } else {
      expect(Array.from(scale)).toEqual(item.scale);
      expect(Array.from(zeroPoint)).toEqual(item.zero_point);
    }
  });

  test('an observer restored from JSON between batches ends with the same', () => {
    const straight = factories[item.observer]();
    let moved = factories[item.observer]();
    for (const batch of values) {
      straight.observe(batch, shape);
      moved = restoreObserver(JSON.parse(JSON.stringify(moved)));
      moved.observe(batch, shape);
    }
    expect(restoreObserver(JSON.parse(JSON.stringify(moved))).params()).toEqual(straight.params());
  });
});

const others: readonly (readonly [string, () => Observer])[] = [
  ['mean squared error', () => meanSquaredErrorObserver({ rule: unsigned, layer: 'here' })],
  ['histogram', () => histogramObserver({ rule: unsigned, layer: 'here' })],
  ['min-max', () => minMaxObserver({ rule: unsigned, layer: 'here' })],
  ['moving average', () => movingAverageObserver({ rule: unsigned, layer: 'here' })],
  ['per token', () => perTokenObserver({ rule: unsigned, layer: 'here' })],
];

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return isTampError(error) ? `${error.code} ${error.message}` : `another error: ${String(error)}`;
  }
  return 'no error';
}

describe.each(others)('the %s observer', (_name, make) => {
  test('refuses NaN, infinities, wrong shapes and empty batches, naming the place', () => {
    const observer = make();
    expect(errorOf(() => observer.params())).toContain('data here: no values were observed.');
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const values = new Float32Array(6);
      values[4] = bad;
      expect(errorOf(() => observer.observe(values, [2, 3]))).toContain(
        `data here: the value at row 1, column 1 is ${bad}.`,
      );
    }
    expect(errorOf(() => observer.observe(new Float32Array(6), [2, 2]))).toContain('usage here');
    expect(errorOf(() => observer.observe(new Float32Array(0), [0, 4]))).toContain('data here');
    // A refused batch leaves no trace.
    expect(errorOf(() => observer.range())).toContain('no values were observed');
  });

  test('one constant, also zero, gives a usable scale', () => {
    for (const constant of [0, 2, -2]) {
      const observer = make();
      observer.observe(new Float32Array(4).fill(constant), [1, 4]);
      const { scale, zeroPoint } = observer.params();
      const params = { scale: scale[0], zeroPoint: zeroPoint[0] };
      const levels = quantizeAffine(
        Float32Array.of(constant),
        params,
        { min: 0, max: 255 },
        new Uint8Array(1),
      );
      // A range from 0 to the constant has it as an end: one ulp.
      expect(Math.abs(dequantizeAffine(levels, params)[0] - constant)).toBeLessThanOrEqual(2 ** -22);
    }
  });
});

test('channels: an axis that is missing and a change of their number are refused', () => {
  const observer = minMaxObserver({ rule: symmetric, axis: 1 });
  expect(errorOf(() => observer.observe(new Float32Array(4), [4]))).toContain('usage');
  observer.observe(new Float32Array(6), [2, 3]);
  expect(errorOf(() => observer.observe(new Float32Array(8), [2, 4]))).toContain('usage');
});

test('channels of an inner axis are found by their own stride', () => {
  const observer = minMaxObserver({ rule: symmetric, axis: 1 });
  observer.observe(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 4],
  );
  expect(Array.from(observer.range().min)).toEqual([0, 4, 8]);
  expect(Array.from(observer.range().max)).toEqual([15, 19, 23]);
});

test('channels of a negative axis count from the end', () => {
  const observer = minMaxObserver({ rule: symmetric, axis: -3 });
  observer.observe(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 4],
  );
  expect(Array.from(observer.range().min)).toEqual([0, 12]);
  expect(Array.from(observer.range().max)).toEqual([11, 23]);
});

test('moving averages are float32 throughout, as PyTorch computes them, by 0.01 unless told otherwise', () => {
  const random = new Random(12);
  for (const averagingConstant of [undefined, 0.1, 1]) {
    const observer = movingAverageObserver(
      averagingConstant === undefined ? { rule: unsigned } : { rule: unsigned, averagingConstant },
    );
    const rate = Math.fround(averagingConstant ?? 0.01);
    // Arrays of float32 round each step.
    const [known, step] = [new Float32Array(2), new Float32Array(1)];
    for (let batch = 0; batch < 1000; batch++) {
      const values = random.fillNormal(new Float32Array(5));
      observer.observe(values, [5]);
      const ends = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
      for (const [i, end] of ends.entries()) {
        step[0] = end - known[i];
        step[0] = rate * step[0];
        known[i] = batch === 0 ? end : known[i] + step[0];
      }
      expect([observer.range().min[0], observer.range().max[0]]).toEqual(Array.from(known));
    }
  }
});

test('per token: the latest batch’s rows, whatever their number', () => {
  const observer = perTokenObserver({ rule: symmetric });
  observer.observe(new Float32Array(8).fill(100), [1, 2, 4]);
  observer.observe(Float32Array.of(1, -2, 3, 0.5, -0.5, 0.25), [1, 2, 3]);
  expect(Array.from(observer.range().min)).toEqual([-2, -0.5]);
  expect(Array.from(observer.params().scale)).toEqual([Math.fround(3 / 127.5), Math.fround(0.5 / 127.5)]);
});

test('bad options are refused', () => {
  for (const averagingConstant of [0, 1.5, Number.NaN]) {
    expect(errorOf(() => movingAverageObserver({ rule: unsigned, averagingConstant }))).toContain('usage');
  }
  for (const bins of [1, 2.5, 65537]) {
    expect(errorOf(() => histogramObserver({ rule: unsigned, bins }))).toContain('usage');
  }
});

/** Mean squared error of quantizing values with the parameters of a range. */
function errorWith(values: Float32Array, min: number, max: number, rule: AffineRule): number {
  const params = chooseAffineParams(min, max, rule);
  const half = rule.reduceRange === true ? 2 : 1;
  const range = { min: Math.trunc(rule.qmin / half), max: Math.trunc(rule.qmax / half) };
  const back = dequantizeAffine(quantizeAffine(values, params, range, new Int16Array(values.length)), params);
  return values.reduce((sum, value, i) => sum + (value - back[i]) ** 2, 0) / values.length;
}

test('mean-squared-error search beats the whole range on heavy tails, more so with few levels', () => {
  const random = new Random(9);
  // Cubes of normal numbers: kurtosis far above the normal one.
  const values = random.fillNormal(new Float32Array(20_000)).map((value) => value ** 3);
  const rules: readonly AffineRule[] = [
    { rule: 'observer', qmin: -128, qmax: 127, symmetric: true },
    { rule: 'observer', qmin: 0, qmax: 255 },
    { rule: 'observer', qmin: -8, qmax: 7, symmetric: true },
    { rule: 'observer', qmin: 0, qmax: 15 },
    // Half of twice as many levels.
    { rule: 'observer', qmin: 0, qmax: 31, reduceRange: true },
    { rule: 'observer', qmin: -16, qmax: 15, reduceRange: true },
  ];
  for (const rule of rules) {
    const whole = minMaxObserver({ rule });
    const searched = meanSquaredErrorObserver({ rule });
    for (let start = 0; start < values.length; start += 5000) {
      const batch = values.subarray(start, start + 5000);
      whole.observe(batch, [5000]);
      searched.observe(batch, [5000]);
    }
    const before = errorWith(values, whole.range().min[0], whole.range().max[0], rule);
    const after = errorWith(values, searched.range().min[0], searched.range().max[0], rule);
    // With 256 levels cutting gains a little, with 16 it must gain much.
    expect(after).toBeLessThan(before * (rule.qmax - rule.qmin < 32 ? 0.7 : 1));
  }
});
