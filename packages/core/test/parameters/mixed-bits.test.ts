import { expect, test } from 'vitest';
import { isTampError } from '../../src/errors/tamp-error.js';
import { mixedBitsStorage } from '../../src/parameters/mixed-bits.js';
import { readParameter } from '../../src/parameters/read-parameter.js';
import { Random } from '../../src/random/random.js';
import { dequantizeUniform, quantizeUniform, uniformRange } from '../../src/uniform/uniform-quantization.js';

function codeOf(body: () => unknown): string | undefined {
  try {
    body();
  } catch (error) {
    if (isTampError(error)) return error.code;
    throw error;
  }
  return undefined;
}

test('what is stored comes back to the bit, for every mixture of bits', async () => {
  const random = new Random(2);
  for (let round = 0; round < 60; round++) {
    const groups = 1 + random.integer(40);
    const groupSize = 1 + random.integer(9);
    const minBits = 1 + random.integer(4);
    const spread = round % 5 === 0 ? 1 : 16 - minBits;
    const bits = Uint8Array.from({ length: groups }, () => minBits + random.integer(spread));
    const values = random.fillNormal(new Float32Array(groups * groupSize));
    const range = uniformRange(values);
    const levels = quantizeUniform(values, range, bits);
    const storage = mixedBitsStorage({ levels, bits, minBits, range });
    const stored = await readParameter({ name: 'weight', shape: [groups, groupSize], storage });
    expect(stored).toEqual(dequantizeUniform(levels, range, bits));
    // Nothing but the levels and the codes, each in whole bytes.
    const total = bits.reduce((sum, b) => sum + b * groupSize, 0);
    expect(storage.levels.byteLength).toBe(Math.ceil(total / 8));
    const codeBits = Math.ceil(Math.log2(1 + Math.max(...bits) - minBits));
    expect(storage.codes.byteLength).toBe(Math.ceil((codeBits * groups) / 8));
  }
});

test('groups that do not divide, bits below the fewest and levels that do not fit are refused', () => {
  const range = { min: 0, max: 1 };
  const levels = Uint8Array.of(0, 1, 2, 3);
  const store = (bits: readonly number[], minBits: number) =>
    codeOf(() => mixedBitsStorage({ levels, bits: Uint8Array.from(bits), minBits, range }));
  expect(store([2, 2], 2)).toBeUndefined();
  expect(store([2, 2, 2], 2)).toBe('usage');
  expect(store([1, 2], 2)).toBe('usage');
  expect(store([2, 1], 1)).toBe('data');
});
