import { readJsonFixture } from '@tamp/fixtures';
import { describe, expect, test } from 'vitest';
import { isTampError } from '../../src/errors/tamp-error.js';
import {
  packBlockedPlanes,
  packStridedPlanes,
  unpackBlockedPlanes,
  unpackStridedPlanes,
} from '../../src/packing/bit-planes.js';
import {
  packDense,
  packedByteLength,
  packFlat,
  unpackDense,
  unpackFlat,
  wordsPerRow,
} from '../../src/packing/dense.js';
import { Random } from '../../src/random/random.js';

interface PackingCase {
  readonly length: number;
  readonly bits: number;
  /** Absent for long cases, which state a length and a number of bits only. */
  readonly values: readonly number[] | null;
  readonly torch_pack: { readonly int16: readonly number[] } | null;
  readonly bitpack: { readonly int64_hex: readonly string[] } | null;
}

const cases = readJsonFixture<PackingCase[]>('diffq', 'packing.json');
const referenced = cases.filter((item) => item.values !== null);
const allBits = Array.from({ length: 16 }, (_, i) => i + 1);
const lengths = [0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257];

function randomValues(random: Random, count: number, bits: number): Uint16Array {
  return Uint16Array.from({ length: count }, () => random.integer(2 ** bits));
}

test('there are reference values', () => {
  expect(referenced.length).toBeGreaterThan(0);
});

describe.each(referenced)('diffq packing of $length values of $bits bits', (item) => {
  const values = Uint16Array.from(item.values ?? []);

  test('strided planes are torch_pack’s, word for word', () => {
    const planes = packStridedPlanes(values, item.bits);
    expect(Array.from(planes)).toEqual(item.torch_pack?.int16);
    expect(unpackStridedPlanes(planes, item.bits, item.length)).toEqual(values);
  });

  test('blocked planes are bitpack’s, word for word', () => {
    const planes = packBlockedPlanes(values, item.bits);
    const hex = Array.from(planes, (word) => BigInt.asUintN(64, word).toString(16).padStart(16, '0'));
    expect(hex).toEqual(item.bitpack?.int64_hex);
    expect(unpackBlockedPlanes(planes, item.bits, item.length)).toEqual(values);
  });
});

test.each(cases)(
  'planes of $length random values of $bits bits hold each bit where the layout says',
  (item) => {
    const values = randomValues(new Random(item.length), item.length, item.bits);
    const strided = packStridedPlanes(values, item.bits);
    const blocked = packBlockedPlanes(values, item.bits);
    const width = Math.ceil(item.length / 16);
    let wrong = 0;
    values.forEach((value, i) => {
      const rest = i % 2048;
      for (let k = 0; k < item.bits; k++) {
        const bit = (value >> k) & 1;
        if (((strided[k * width + (i % width)] >> Math.floor(i / width)) & 1) !== bit) wrong++;
        const word = blocked[(Math.floor(i / 2048) * item.bits + k) * 32 + (rest % 32)];
        if (Number((word >> BigInt(Math.floor(rest / 32))) & 1n) !== bit) wrong++;
      }
    });
    expect(wrong).toBe(0);
    expect(unpackStridedPlanes(strided, item.bits, item.length)).toEqual(values);
    expect(unpackBlockedPlanes(blocked, item.bits, item.length)).toEqual(values);
  },
);

test('planes come back for every number of bits and ragged lengths', () => {
  const random = new Random(1);
  for (const bits of allBits) {
    for (const length of [...lengths, 2047, 2049]) {
      const values = randomValues(random, length, bits);
      expect(unpackStridedPlanes(packStridedPlanes(values, bits), bits, length)).toEqual(values);
      expect(unpackBlockedPlanes(packBlockedPlanes(values, bits), bits, length)).toEqual(values);
    }
  }
});

test('the documented words of compressed-tensors', () => {
  const nibbles = Int8Array.from({ length: 8 }, (_, i) => i - 8);
  expect(Array.from(packDense(nibbles, 4, 1, 8))).toEqual([0x76543210]);
  expect(Array.from(packDense(Int8Array.of(-128, -1, 0, 127), 8, 1, 4))).toEqual([0xff807f00]);
});

test('dense rows hold each bit where the layout says, and come back', () => {
  const random = new Random(2);
  for (const bits of allBits) {
    for (const columns of lengths) {
      const rows = 3;
      const offset = 2 ** (bits - 1);
      const plain = Array.from(randomValues(random, rows * columns, bits), (value) => value - offset);
      const levels = bits <= 8 ? Int8Array.from(plain) : Int16Array.from(plain);
      const words = packDense(levels, bits, rows, columns);
      expect(words.length).toBe(rows * wordsPerRow(columns, bits));
      const expected = new Uint32Array(words.length);
      levels.forEach((level, i) => {
        const row = Math.floor(i / columns);
        for (let k = 0; k < bits; k++) {
          const bit = (i % columns) * bits + k;
          const at = row * wordsPerRow(columns, bits) + Math.floor(bit / 32);
          expected[at] |= (((level + offset) >> k) & 1) << (bit % 32);
        }
      });
      expect(words).toEqual(expected);
      expect(unpackDense(words, bits, rows, columns)).toEqual(levels);
    }
  }
});

test('flat runs are dense rows cut to whole bytes, and come back', () => {
  const random = new Random(3);
  for (const bits of allBits) {
    for (const length of lengths) {
      const wide = randomValues(random, length, bits);
      const values = bits <= 8 ? Uint8Array.from(wide) : wide;
      const bytes = packFlat(values, bits);
      expect(bytes.length).toBe(packedByteLength(length, bits));
      const levels = Int16Array.from(values, (value) => value - 2 ** (bits - 1));
      const dense = new Uint8Array(packDense(levels, bits, 1, length).buffer);
      expect(bytes).toEqual(dense.subarray(0, bytes.length));
      expect(unpackFlat(bytes, bits, length)).toEqual(values);
    }
  }
});

test('values, bits and lengths that do not fit are refused', () => {
  const errorOf = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      return isTampError(error) ? `${error.code} ${error.message}` : 'another error';
    }
    return 'no error';
  };
  expect(errorOf(() => packDense(Int8Array.of(0, 8), 4, 1, 2))).toBe(
    'data the value 8 at position 1 does not fit 4 bits.',
  );
  expect(errorOf(() => packDense(Int8Array.of(0, -9), 4, 1, 2))).toContain('data the value -9');
  expect(errorOf(() => packFlat(Uint8Array.of(16, 1), 4))).toContain('data the value 16 at position 0');
  expect(errorOf(() => packStridedPlanes([1, 4], 2))).toContain('data the value 4 at position 1');
  expect(errorOf(() => packBlockedPlanes([1, -1], 2))).toContain('data the value -1');
  expect(errorOf(() => packBlockedPlanes([2 ** 32], 2))).toContain('data');
  expect(errorOf(() => packDense(new Int8Array(5), 4, 2, 3))).toContain('usage');
  expect(errorOf(() => unpackDense(new Uint32Array(1), 4, 2, 3))).toContain('usage');
  expect(errorOf(() => unpackFlat(new Uint8Array(1), 4, 3))).toContain('usage');
  expect(errorOf(() => unpackStridedPlanes(new Int16Array(1), 4, 3))).toContain('usage');
  expect(errorOf(() => unpackBlockedPlanes(new BigInt64Array(1), 4, 3))).toContain('usage');
  for (const bits of [0, 17, 1.5, Number.NaN]) {
    expect(errorOf(() => packDense(new Int8Array(4), bits, 2, 2))).toContain('usage');
    expect(errorOf(() => unpackFlat(new Uint8Array(0), bits, 0))).toContain('usage');
    expect(errorOf(() => packStridedPlanes([], bits))).toContain('usage');
    expect(errorOf(() => unpackBlockedPlanes(new BigInt64Array(0), bits, 0))).toContain('usage');
  }
});
