import { describe, expect, it } from 'vitest';
import { type RotaryConfig, rotaryFrequencies } from '../src/index.js';
import { readRotaryConfig } from '../src/rotary/rotary-config.js';

/** The formulas in double precision, apart from the library's float32 arithmetic. */
const exact = {
  default: (headSize: number, theta: number): number[] =>
    Array.from({ length: headSize / 2 }, (_, i) => Math.exp((-2 * i * Math.log(theta)) / headSize)),

  llama3: (base: number[], factor: number, low: number, high: number, original: number): number[] =>
    base.map((frequency) => {
      const turns = (original * frequency) / (2 * Math.PI);
      // 0 below `low` turns over the original context, 1 above `high` turns, linear in between.
      const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      return frequency * (kept + (1 - kept) / factor);
    }),

  yarn: (base: number[], factor: number, low: number, high: number): number[] =>
    base.map((frequency, i) => {
      const interpolated = Math.min(1, Math.max(0, (i - low) / (high - low)));
      return frequency * (1 - interpolated + interpolated / factor);
    }),
};

/**
 * float32's rounding is 6e-8; the power, the quotients and the blend are each rounded once, and a blend that almost
 * cancels can double that.
 */
const tolerance = 1e-6;

function expectFrequencies(config: RotaryConfig, expected: readonly number[]): void {
  const { frequencies } = rotaryFrequencies(config);
  expect(frequencies.length).toBe(expected.length);
  for (const [i, frequency] of frequencies.entries()) {
    expect(Math.fround(frequency)).toBe(frequency);
    expect(Math.abs(frequency / expected[i] - 1), `frequency ${i}`).toBeLessThan(tolerance);
  }
}

const yarn = {
  kind: 'yarn',
  factor: 4,
  originalPositions: 32768,
  betaFast: 32,
  betaSlow: 1,
  truncate: true,
  attentionFactor: undefined,
  mscale: undefined,
  mscaleAllDimensions: undefined,
} as const;

describe('rotaryFrequencies', () => {
  it('falls from 1 by equal ratios without scaling', () => {
    expectFrequencies({ headSize: 32, theta: 10000, scaling: { kind: 'none' } }, exact.default(32, 10000));
    // 10000^(-1/2) and 10000^(-1/4), which are exact to the last digit.
    const { frequencies, attentionScale } = rotaryFrequencies({
      headSize: 8,
      theta: 10000,
      scaling: { kind: 'none' },
    });
    expect(frequencies).toEqual([1, 0.1, 0.01, 0.001].map(Math.fround));
    expect(attentionScale).toBe(1);
  });

  it('divides by the factor when linear', () => {
    const scaling = { kind: 'linear', factor: 3 } as const;
    expectFrequencies(
      { headSize: 64, theta: 500000, scaling },
      exact.default(64, 500000).map((frequency) => frequency / 3),
    );
  });

  it("blends by wavelength in llama3, with Llama 3.1's and 3.2's published settings", () => {
    for (const factor of [8, 32]) {
      const scaling = {
        kind: 'llama3',
        factor,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalPositions: 8192,
      } as const;
      const base = exact.default(128, 500000);
      const expected = exact.llama3(base, factor, 1, 4, 8192);
      // All three cases occur: kept, blended, interpolated.
      const ratios = expected.map((frequency, i) => base[i] / frequency);
      expect(ratios.some((ratio) => ratio === 1)).toBe(true);
      expect(ratios.some((ratio) => ratio > 1.01 && ratio < factor * 0.99)).toBe(true);
      expect(ratios.some((ratio) => Math.abs(ratio - factor) < 1e-9)).toBe(true);
      expectFrequencies({ headSize: 128, theta: 500000, scaling }, expected);
    }
  });

  it("blends by pair in yarn, with Qwen2.5's published settings", () => {
    const base = exact.default(128, 1e6);
    // Pair that turns n times over 32768 positions: 64 · ln(32768 / (2π n)) / ln(10^6), rounded outwards.
    const pair = (turns: number): number => (64 * Math.log(32768 / (2 * Math.PI * turns))) / Math.log(1e6);
    const expected = exact.yarn(base, 4, Math.floor(pair(32)), Math.ceil(pair(1)));
    expect([Math.floor(pair(32)), Math.ceil(pair(1))]).toEqual([23, 40]);
    expectFrequencies({ headSize: 128, theta: 1e6, scaling: yarn }, expected);
    const whole = exact.yarn(base, 4, pair(32), pair(1));
    expectFrequencies({ headSize: 128, theta: 1e6, scaling: { ...yarn, truncate: false } }, whole);
  });

  it("computes yarn's attention factor", () => {
    const scale = (changes: object): number =>
      rotaryFrequencies({ headSize: 64, theta: 10000, scaling: { ...yarn, ...changes } }).attentionScale;
    expect(scale({})).toBeCloseTo(1 + 0.1 * Math.log(4), 12);
    expect(scale({ factor: 1 })).toBe(1);
    expect(scale({ attentionFactor: 0.5 })).toBe(0.5);
    const ratio = (1 + 0.1 * 0.75 * Math.log(4)) / (1 + 0.1 * 1.2 * Math.log(4));
    expect(scale({ mscale: 0.75, mscaleAllDimensions: 1.2 })).toBeCloseTo(ratio, 12);
    expect(scale({ mscale: 0.75, mscaleAllDimensions: 0 })).toBeCloseTo(1 + 0.1 * Math.log(4), 12);
  });

  it('stays finite when the bounds of the blend meet', () => {
    const scaling = { ...yarn, originalPositions: 4, betaFast: 1, betaSlow: 1 };
    const { frequencies } = rotaryFrequencies({ headSize: 8, theta: 10000, scaling });
    expect(frequencies.every(Number.isFinite)).toBe(true);
  });
});

describe('readRotaryConfig', () => {
  const read = (config: Parameters<typeof readRotaryConfig>[0]): RotaryConfig =>
    readRotaryConfig(config, 64, 4096, 'config.json');

  it('reads what transformers 4 and 5 write alike', () => {
    const llama3 = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const four = read({ rope_theta: 500000, rope_scaling: { ...llama3, rope_type: 'llama3' } });
    const five = read({ rope_parameters: { ...llama3, rope_theta: 500000, rope_type: 'llama3' } });
    expect(four).toEqual(five);
    expect(four).toEqual({
      headSize: 64,
      theta: 500000,
      scaling: {
        kind: 'llama3',
        factor: 8,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalPositions: 8192,
      },
    });
    const old = read({ rope_theta: 500000, rope_scaling: { type: 'linear', factor: 2 } });
    expect(old.scaling).toEqual({ kind: 'linear', factor: 2 });
  });

  it('has defaults for what a config leaves out', () => {
    const plain = { headSize: 64, theta: 10000, scaling: { kind: 'none' } };
    expect(read({})).toEqual(plain);
    expect(read({ rope_scaling: null, rope_theta: null })).toEqual(plain);
    expect(read({ rope_parameters: { rope_type: 'default' } })).toEqual(plain);
    expect(read({ rope_scaling: { type: 'yarn', factor: 2, beta_fast: 0 } }).scaling).toEqual({
      ...yarn,
      factor: 2,
      originalPositions: 4096,
    });
  });

  it('prefers the explicit factor of yarn, and the original length of the model', () => {
    const scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 4096 };
    expect(read({ rope_scaling: scaling }).scaling).toMatchObject({ factor: 4, originalPositions: 4096 });
    expect(
      read({ rope_scaling: { ...scaling, factor: null }, original_max_position_embeddings: 2048 }).scaling,
    ).toMatchObject({ factor: 2, originalPositions: 2048 });
  });

  it.each([
    [{ rope_scaling: { type: 'dynamic', factor: 2 } }, 'the rotary scaling dynamic is not supported'],
    [{ rope_scaling: { rope_type: 'longrope' } }, 'one of: default, linear, llama3, yarn'],
    [{ rope_parameters: { full_attention: { rope_type: 'default' } } }, 'differ by layer'],
    [{ partial_rotary_factor: 0.5 }, 'only in part'],
    [{ rope_scaling: { type: 'linear' } }, 'factor'],
    [{ rope_scaling: { type: 'linear', factor: 'two' } }, 'factor'],
    [{ rope_scaling: { type: 'yarn' }, original_max_position_embeddings: 8192 }, 'factor'],
    [
      { rope_scaling: { type: 'llama3', factor: 2, low_freq_factor: 4, high_freq_factor: 1 } },
      'low_freq_factor',
    ],
    [{ rope_scaling: { type: 'yarn', factor: 2, original_max_position_embeddings: 0 } }, 'whole number'],
    [{ rope_theta: 0 }, 'rope_theta'],
    [{ rope_theta: '10000' }, 'rope_theta'],
    [{ rope_scaling: 'linear' }, 'is not an object'],
    [{ rope_scaling: { rope_type: 3 } }, 'is not a string'],
  ])('refuses %j', (config, problem) => {
    expect(() => read(config)).toThrow(expect.objectContaining({ name: 'TampError' }));
    expect(() => read(config)).toThrow(problem);
  });
});
