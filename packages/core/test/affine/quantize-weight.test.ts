import { readdirSync } from 'node:fs';
import { fixturePath, readJsonFixture, readTensorFixture } from '@tamp/fixtures';
import { describe, expect, test } from 'vitest';
import {
  dequantizeWeight,
  type QuantizedWeight,
  type QuantizeWeightOptions,
  quantizeWeight,
} from '../../src/affine/quantize-weight.js';
import type { RangeSearch } from '../../src/affine/range-search.js';
import { isTampError } from '../../src/errors/tamp-error.js';
import { unpackDense } from '../../src/packing/dense.js';
import { Random } from '../../src/random/random.js';
import { type AffineScheme, type Granularity, levelRange, scaleCount } from '../../src/schemes/scheme.js';

interface WeightArguments {
  readonly num_bits: number;
  readonly symmetric: boolean;
  readonly strategy: 'tensor' | 'channel' | 'group';
  readonly group_size: number | null;
}

interface CheckpointConfig {
  readonly quantization_config: {
    readonly config_groups: Record<string, { readonly weights: WeightArguments }>;
  };
}

function schemeOf({ num_bits, symmetric, strategy, group_size }: WeightArguments): AffineScheme {
  const granularity: Granularity =
    strategy === 'group' ? { kind: 'group', groupSize: group_size ?? 0 } : { kind: strategy };
  return { bits: num_bits, symmetric, granularity };
}

const source = readTensorFixture('tiny-llama', 'model.safetensors');
const checkpoints = readdirSync(fixturePath('compressed-tensors')).filter((name) => name.startsWith('rtn-'));

test('there are reference checkpoints', () => {
  expect(checkpoints.length).toBeGreaterThan(0);
});

describe.each(checkpoints)('checkpoint %s', (name) => {
  const file = readTensorFixture('compressed-tensors', name, 'model.safetensors');
  const config = readJsonFixture<CheckpointConfig>('compressed-tensors', name, 'config.json');
  const [{ weights }] = Object.values(config.quantization_config.config_groups);
  const scheme = schemeOf(weights);
  const layers = file.names
    .filter((tensor) => tensor.endsWith('.weight_scale'))
    .map((tensor) => tensor.slice(0, -'.weight_scale'.length));

  test('every scale and level of every layer is the same', () => {
    expect(layers.length).toBeGreaterThan(0);
    for (const layer of layers) {
      const weight = source.get(`${layer}.weight`);
      const [rows, columns] = weight.shape;
      const quantized = quantizeWeight(weight.float32(), rows, columns, scheme, { layer });
      expect(Array.from(quantized.scales)).toEqual(file.get(`${layer}.weight_scale`).numbers());
      const expected = file.has(`${layer}.weight_packed`)
        ? unpackDense(
            Uint32Array.from(file.get(`${layer}.weight_packed`).numbers()),
            scheme.bits,
            rows,
            columns,
          )
        : Int8Array.from(file.get(`${layer}.weight`).numbers());
      expect(Buffer.from(quantized.levels.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    }
  });
});

const granularities: readonly Granularity[] = [
  { kind: 'tensor' },
  { kind: 'channel' },
  { kind: 'group', groupSize: 16 },
];

function* schemes(): Generator<AffineScheme> {
  for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
    for (const symmetric of [true, false]) {
      for (const granularity of granularities) yield { bits, symmetric, granularity };
    }
  }
}

function normalWeight(random: Random, rows: number, columns: number, mean = 0): Float32Array {
  return random.fillNormal(new Float32Array(rows * columns)).map((value) => mean + value * 0.02);
}

/** Σ importance · |w|^emphasis · (w - ŵ)² of each group. */
function errors(
  weight: Float32Array,
  quantized: QuantizedWeight,
  columns: number,
  { importance, emphasis = 0 }: Pick<RangeSearch, 'importance' | 'emphasis'> = {},
): number[] {
  const back = dequantizeWeight(quantized);
  const length = weight.length / quantized.scales.length;
  const sums = new Array<number>(quantized.scales.length).fill(0);
  for (let i = 0; i < weight.length; i++) {
    const factor = (importance?.[i % columns] ?? 1) * Math.abs(weight[i]) ** emphasis;
    sums[Math.floor(i / length)] += factor * (weight[i] - back[i]) ** 2;
  }
  return sums;
}

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isTampError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}

test('round to nearest stays within half a step of every value inside the levels', () => {
  const random = new Random(1);
  for (const scheme of schemes()) {
    const weight = normalWeight(random, 6, 32, scheme.symmetric ? 0 : random.between(-0.1, 0.1));
    const quantized = quantizeWeight(weight, 6, 32, scheme);
    const { min, max } = levelRange(scheme.bits);
    const back = dequantizeWeight(quantized);
    const length = weight.length / quantized.scales.length;
    expect(quantized.scales.length).toBe(scaleCount(scheme, 6, 32));
    expect(quantized.zeroPoints === undefined).toBe(scheme.symmetric);
    quantized.levels.forEach((level, i) => {
      expect(level >= min && level <= max).toBe(true);
      const scale = quantized.scales[Math.floor(i / length)];
      // Both ends of the range lie up to half a step beyond the levels (symmetric: max|w| is half a step above
      // the largest level; asymmetric: the zero point is rounded), so half a step plus half; 1e-5 for float32.
      const bound = (level === min || level === max ? 1 : 0.5) * scale * (1 + 1e-5);
      expect(Math.abs(weight[i] - back[i])).toBeLessThanOrEqual(bound);
    });
  }
});

test('range search is never worse than round to nearest in any group, and better over all up to 4 bits', () => {
  const random = new Random(2);
  const importance = new Float32Array(32).map(() => random.between(0, 2));
  const searches: readonly QuantizeWeightOptions[] = [
    { search: {} },
    { search: { signedScales: false } },
    { search: { gridPoints: 16, maxShrink: 0.4 } },
    { search: { importance } },
    { search: { emphasis: 1 } },
    { search: { emphasis: 2.5, importance } },
    { search: {}, scaleFormat: 'float16' },
    { search: {}, scaleFormat: 'bfloat16' },
  ];
  for (const scheme of schemes()) {
    const weight = normalWeight(random, 6, 32, scheme.symmetric ? 0 : 0.01);
    for (const options of searches) {
      const { scaleFormat = 'float32' } = options;
      const nearest = quantizeWeight(weight, 6, 32, scheme, { scaleFormat });
      const searched = quantizeWeight(weight, 6, 32, scheme, options);
      const before = errors(weight, nearest, 32, options.search);
      const after = errors(weight, searched, 32, options.search);
      // The search's own sums differ from these in the last bits of a double only.
      after.forEach((error, g) => {
        expect(error).toBeLessThanOrEqual(before[g] * (1 + 1e-12));
      });
      const total = (sums: number[]): number => sums.reduce((a, b) => a + b, 0);
      if (scheme.bits <= 4) expect(total(after)).toBeLessThan(total(before));
      if (options.search?.signedScales === false) expect(searched.scales.every((s) => s > 0)).toBe(true);
    }
  }
});

test('range search finds what an exhaustive search of the scale finds', () => {
  const random = new Random(3);
  for (const bits of [2, 3, 4]) {
    const scheme: AffineScheme = { bits, symmetric: true, granularity: { kind: 'channel' } };
    const { min, max } = levelRange(bits);
    const weight = normalWeight(random, 8, 64);
    const found = errors(weight, quantizeWeight(weight, 8, 64, scheme, { search: {} }), 64);
    for (let row = 0; row < 8; row++) {
      const values = weight.subarray(row * 64, row * 64 + 64);
      const largest = values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      let best = Infinity;
      for (let step = 1; step <= 4000; step++) {
        for (const sign of [1, -1]) {
          const scale = (sign * largest * step) / 4000 / 0.8;
          let error = 0;
          for (const value of values) {
            const level = Math.min(Math.max(Math.round(value / scale), min), max);
            error += (value - level * scale) ** 2;
          }
          best = Math.min(best, error);
        }
      }
      // The grid of 256 may miss a narrow minimum that one of 8000 finds; it is rarely more than 1%.
      expect(found[row]).toBeLessThan(best * 1.01);
    }
  }
});

test('a group whose values are levels of some scale is found exactly', () => {
  // All negative extremes: with a positive scale -8 is used, mirrored values need the negative scale.
  const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } };
  const row = [-8, -3, 0, 1, 2, 5, 7, 4].map((level) => level * 0.125);
  const weight = Float32Array.from([...row, ...row.map((value) => -value)]);
  const quantized = quantizeWeight(weight, 2, 8, scheme, { search: {} });
  expect(Array.from(quantized.scales)).toEqual([0.125, -0.125]);
  expect(Array.from(dequantizeWeight(quantized))).toEqual(Array.from(weight));
});

test('importance moves the error to the columns that matter less', () => {
  const weight = normalWeight(new Random(4), 16, 32);
  const scheme: AffineScheme = { bits: 3, symmetric: true, granularity: { kind: 'channel' } };
  const importance = Float32Array.from({ length: 32 }, (_, column) => (column < 4 ? 100 : 1));
  const plain = quantizeWeight(weight, 16, 32, scheme, { search: {} });
  const weighted = quantizeWeight(weight, 16, 32, scheme, { search: { importance } });
  const only = Float32Array.from({ length: 32 }, (_, column) => (column < 4 ? 1 : 0));
  const sum = (q: QuantizedWeight): number =>
    errors(weight, q, 32, { importance: only }).reduce((a, b) => a + b, 0);
  expect(sum(weighted)).toBeLessThan(sum(plain) * 0.9);
});

test('every step of choosing a level is rounded to float32, as in compressed-tensors', () => {
  const scheme: AffineScheme = { bits: 8, symmetric: false, granularity: { kind: 'channel' } };
  const below = (value: number): number => value - 2 ** -23;
  // The scale is 1. −126.5 − 2^-23 is no float32: the zero point comes from −126.5, a tie.
  const tie = quantizeWeight(Float32Array.of(-below(1.5), 253.5), 1, 2, scheme);
  expect([tie.scales[0], tie.zeroPoints?.[0]]).toEqual([1, -126]);
  // Likewise a level, from 0.5 − 2^-25 and the zero point −127.
  const value = 0.5 - 2 ** -25;
  const { levels, scales, zeroPoints } = quantizeWeight(Float32Array.of(-1, value, 254), 1, 3, scheme);
  expect([scales[0], zeroPoints?.[0]]).toEqual([1, -127]);
  expect(Array.from(levels)).toEqual([-128, -126, 127]);
});

test('zeros come back as zeros, alone or among other rows, for every scheme', () => {
  for (const scheme of schemes()) {
    for (const options of [{}, { search: {} }, { scaleFormat: 'float16' }] as const) {
      const zeros = quantizeWeight(new Float32Array(64), 2, 32, scheme, options);
      expect(dequantizeWeight(zeros).every((value) => value === 0)).toBe(true);
      const weight = new Float32Array(64).fill(0.5, 0, 32);
      const mixed = dequantizeWeight(quantizeWeight(weight, 2, 32, scheme, options));
      expect(mixed.subarray(32).every((value) => value === 0)).toBe(true);
    }
  }
});

test('scales are exactly of the format asked for', () => {
  const weight = normalWeight(new Random(5), 4, 64);
  const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 32 } };
  for (const search of [undefined, {}]) {
    const options = search === undefined ? {} : { search };
    const half = quantizeWeight(weight, 4, 64, scheme, { ...options, scaleFormat: 'float16' });
    // 11 significant bits and 8: multiplying a float by 2^k + 1 and subtracting splits off what does not fit.
    const bits = (scale: number, significant: number): boolean => {
      const unit = 2 ** (Math.floor(Math.log2(Math.abs(scale))) - significant + 1);
      return scale / unit === Math.round(scale / unit);
    };
    expect(half.scales.every((scale) => bits(scale, 11))).toBe(true);
    const brain = quantizeWeight(weight, 4, 64, scheme, { ...options, scaleFormat: 'bfloat16' });
    expect(brain.scales.every((scale) => bits(scale, 8))).toBe(true);
  }
});

test('bad input gives one error that names the place', () => {
  const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } };
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    const weight = new Float32Array(12).fill(1);
    weight[6] = bad;
    expect(errorOf(() => quantizeWeight(weight, 3, 4, scheme, { layer: 'a.weight' }))).toContain(
      `data a.weight: the value at row 1, column 2 is ${bad}.`,
    );
  }
  expect(errorOf(() => quantizeWeight(new Float32Array(12), 3, 5, scheme))).toContain('not 3 × 5');
  const wide = Float32Array.of(3e38, -3e38, 0, 0);
  const asymmetric = { ...scheme, symmetric: false };
  expect(errorOf(() => quantizeWeight(wide, 1, 4, asymmetric))).toContain('data');
  const large = Float32Array.of(1e6, 0, 0, 0);
  expect(errorOf(() => quantizeWeight(large, 1, 4, scheme, { scaleFormat: 'float16' }))).toContain('float16');
  for (const search of [
    { gridPoints: 0 },
    { emphasis: -1 },
    { gridPoints: 1.5 },
    { maxShrink: 1 },
    { maxShrink: -0.1 },
    { maxShrink: Number.NaN },
    { importance: new Float32Array(3) },
    { importance: Float32Array.of(1, 1, 1, -1) },
    { importance: Float32Array.of(1, 1, 1, Number.NaN) },
  ]) {
    expect(errorOf(() => quantizeWeight(new Float32Array(12), 3, 4, scheme, { search }))).toContain('usage');
  }
});
