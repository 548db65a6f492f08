import { expect, test } from 'vitest';
import { isTampError } from '../../src/errors/tamp-error.js';
import { normalFractionBits, normalTable } from '../../src/random/normal-table.js';
import { Random } from '../../src/random/random.js';
import { threefry2x32 } from '../../src/random/threefry.js';

/** Known answers of the Random123 library (`kat_vectors`, threefry2x32, 20 rounds). */
const knownAnswers = [
  { counter: [0, 0], key: [0, 0], words: [0x6b200159, 0x99ba4efe] },
  {
    counter: [0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x1cb996fc, 0xbb002be7],
  },
  { counter: [0x243f6a88, 0x85a308d3], key: [0x13198a2e, 0x03707344], words: [0xc4923a9c, 0x483df7a0] },
] as const;

test.each(knownAnswers)('threefry gives Random123’s known answer $words', ({ counter, key, words }) => {
  const out = new Uint32Array(2);
  threefry2x32(key, counter[0], counter[1], out, 0);
  expect(Array.from(out)).toEqual(words);
});

test('word p of a sequence is word p mod 2 of the block at counter p / 2', () => {
  const random = new Random(0x123456789abc);
  const block = new Uint32Array(2);
  for (let position = 0; position < 100; position++) {
    threefry2x32([0x56789abc, 0x1234], position >> 1, 0, block, 0);
    expect(random.word()).toBe(block[position & 1]);
  }
});

test('an array holds the numbers that come one by one, from any position and across a carry of the counter', () => {
  const far = 2 ** 33 - 6000;
  for (const { position, length } of [
    { position: 0, length: 9001 },
    { position: 3, length: 1 },
    { position: 5, length: 8192 },
    { position: far, length: 10_000 },
    { position: far + 1, length: 10_000 },
  ]) {
    const state = { key: [7, 9], position } as const;
    const single = new Random(state);
    const whole = new Random(state);
    const expected = Float32Array.from({ length }, () => single.normal());
    expect(whole.fillNormal(new Float32Array(length))).toEqual(expected);
    expect(whole.toJSON()).toEqual(single.toJSON());
    expect(whole.uniform()).toBe(single.uniform());
    expect(whole.fillCentered(new Float32Array(3))).toEqual(
      Float32Array.from([0, 0, 0], () => single.centered()),
    );
    expect(whole.fillUniform(new Float32Array(3))).toEqual(
      Float32Array.from([0, 0, 0], () => single.uniform()),
    );
  }
});

test('a restored sequence goes on where it was', () => {
  for (const drawn of [0, 1, 2, 7]) {
    const random = new Random(5);
    for (let i = 0; i < drawn; i++) random.word();
    const other = new Random(JSON.parse(JSON.stringify(random)));
    for (let i = 0; i < 10; i++) expect(other.word()).toBe(random.word());
  }
});

test('forks are independent of the position and of each other', () => {
  const random = new Random(5);
  const before = random.fork(3).word();
  random.word();
  expect(random.fork(3).word()).toBe(before);
  const words = Array.from({ length: 1000 }, (_, i) => random.fork(i).word());
  expect(new Set(words).size).toBe(1000);
});

test('uniform numbers are float32, in range and evenly spread', () => {
  const values = new Random(11).fillUniform(new Float32Array(100_000));
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  const bins = new Float64Array(64);
  for (const value of values) bins[Math.floor(value * 64)]++;
  const expected = values.length / 64;
  const chi = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // Chi squared with 63 degrees of freedom exceeds 120 with probability 2e-5; the seed is fixed.
  expect(chi).toBeLessThan(120);
  const centered = new Random(11).fillCentered(new Float32Array(100_000));
  expect(centered.every((value, i) => value === values[i] - 0.5)).toBe(true);
});

test('the normal table falls from the far tail to zero, within 2^24, and interpolates within 32 bits', () => {
  const table = normalTable();
  expect(table.length).toBe(2049);
  expect(table[2048]).toBe(0);
  expect(table[0]).toBeLessThan(2 ** 24);
  for (let i = 0; i < 2048; i++) {
    expect(table[i]).toBeGreaterThan(table[i + 1]);
    expect((table[i] - table[i + 1]) * 0xffff).toBeLessThan(2 ** 31);
  }
});

test('the table holds the quantiles of the normal distribution', () => {
  // Upper tail probability of each octave's start, 2^(octave - 33), against tabulated quantiles.
  const quantiles = [
    [31, 0.6744897501960817],
    [30, 1.1503493803760079],
    [29, 1.534120544352546],
    [23, 3.09726907819878],
    [13, 4.763001034267814],
    [0, 6.337957754553789],
  ] as const;
  // Half a unit of the table, 2^-22, and the error of the double arithmetic behind it.
  const tolerance = 2 ** -22 * 1.01;
  for (const [octave, quantile] of quantiles) {
    const entry = normalTable()[octave * 64] * 2 ** -normalFractionBits;
    expect(Math.abs(entry - quantile)).toBeLessThan(tolerance);
  }
});

test('normal numbers are float32 with the moments of the normal distribution', () => {
  const count = 400_000;
  const values = new Random(3).fillNormal(new Float32Array(count));
  const check = new Random(3);
  expect(values[0]).toBe(check.normal());
  let mean = 0;
  let square = 0;
  let fourth = 0;
  for (const value of values) {
    mean += value / count;
    square += value ** 2 / count;
    fourth += value ** 4 / count;
  }
  // Five standard errors: 1/√n, √(2/n), √(96/n).
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(count));
  expect(Math.abs(square - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
  expect(Math.abs(fourth - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
});

test('the first numbers of a seed never change', () => {
  const random = new Random(2026);
  expect([random.word(), random.uniform(), random.normal(), random.integer(10)]).toMatchInlineSnapshot(`
    [
      1365492648,
      0.7459665536880493,
      0.7074904441833496,
      7,
    ]
  `);
});

test('a permutation holds every number once, and each position sees every number', () => {
  const random = new Random(17);
  const seen = new Set<number>();
  for (let round = 0; round < 200; round++) {
    const permutation = random.permutation(6);
    expect(Array.from(permutation).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    permutation.forEach((value, position) => {
      seen.add(value * 6 + position);
    });
  }
  expect(seen.size).toBe(36);
});

test('seeds, counts and states that are not possible are refused', () => {
  const attempts: readonly (() => unknown)[] = [
    () => new Random(-1),
    () => new Random(1.5),
    () => new Random(2 ** 53),
    () => new Random(1).integer(0),
    () => new Random(1).integer(2 ** 32 + 1),
    () => new Random({ key: [1, 2 ** 32], position: 0 }),
    () => new Random({ key: [1, 2], position: -1 }),
  ];
  for (const attempt of attempts) {
    let caught: unknown;
    try {
      attempt();
    } catch (error) {
      caught = error;
    }
    expect(isTampError(caught)).toBe(true);
  }
});
