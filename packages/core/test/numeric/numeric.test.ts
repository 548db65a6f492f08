import { expect, test } from 'vitest';
import { bfloat16ToFloat32, float32ToBfloat16 } from '../../src/numeric/bfloat16.js';
import { float16ToFloat32, float32ToFloat16 } from '../../src/numeric/float16.js';
import { roundHalfEven } from '../../src/numeric/round-half-even.js';

const everyPattern = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Value of a 16-bit float by its definition, in doubles. */
function byDefinition(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1);
  const fraction = bits & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - bias - fractionBits)
    : sign * (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
}

/** Quiets NaN patterns, which is the only change a round trip may make. */
function quiet(bits: number, exponentBits: number, fractionBits: number): number {
  const nan = Number.isNaN(byDefinition(bits, exponentBits, fractionBits));
  return nan ? bits | (1 << (fractionBits - 1)) : bits;
}

const formats = [
  { name: 'float16', exponent: 5, fraction: 10, encode: float32ToFloat16, decode: float16ToFloat32 },
  { name: 'bfloat16', exponent: 8, fraction: 7, encode: float32ToBfloat16, decode: bfloat16ToFloat32 },
];

for (const { name, exponent, fraction, encode, decode } of formats) {
  test(`${name}: all 65536 patterns decode to their value and come back`, () => {
    const decoded = decode(everyPattern);
    expect(Array.from(decoded)).toEqual(
      Array.from(everyPattern, (bits) => byDefinition(bits, exponent, fraction)),
    );
    expect(Array.from(encode(decoded))).toEqual(
      Array.from(everyPattern, (bits) => quiet(bits, exponent, fraction)),
    );
  });

  test(`${name}: halfway values go to the even neighbour, others to the nearest`, () => {
    const infinity = quiet((2 ** exponent - 1) << fraction, exponent, fraction);
    const wrong: number[] = [];
    for (let low = 0; low < infinity; low++) {
      // The value above the largest finite one is where the next power of two would be.
      const a = byDefinition(low, exponent, fraction);
      const b =
        low + 1 === infinity ? 2 * 2 ** (2 ** (exponent - 1) - 1) : byDefinition(low + 1, exponent, fraction);
      const middle = (a + b) / 2;
      const exact = new Float32Array([middle]);
      if (exact[0] !== middle) continue;
      const word = new Uint32Array(exact.buffer)[0];
      const around = new Float32Array(new Uint32Array([word - 1, word, word + 1]).buffer);
      const even = low % 2 === 0 ? low : low + 1;
      const got = encode(Float32Array.of(...around, ...Array.from(around, (v) => -v)));
      const expected = [low, even, low + 1, low | 0x8000, even | 0x8000, (low + 1) | 0x8000];
      if (expected.some((bits, i) => bits !== got[i])) wrong.push(low);
    }
    expect(wrong).toEqual([]);
  });

  test(`${name}: a NaN with payload only in the low bits stays a NaN`, () => {
    const bits = encode(new Float32Array(new Uint32Array([0x7f800001, 0xff800001]).buffer));
    expect(Array.from(decode(bits))).toEqual([Number.NaN, Number.NaN]);
  });
}

test('rounds half to even at every size', () => {
  const cases: readonly (readonly [number, number])[] = [
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, 0],
    [-1.5, -2],
    [-2.5, -2],
    [0.49999999999999994, 0],
    [2.5000000000000004, 3],
    [2 ** 51 + 0.5, 2 ** 51],
    [2 ** 51 + 1.5, 2 ** 51 + 2],
    [-(2 ** 51) - 1.5, -(2 ** 51) - 2],
    [2 ** 53, 2 ** 53],
    [1e300, 1e300],
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  for (const [value, rounded] of cases) expect(roundHalfEven(value)).toBe(rounded);
  expect(roundHalfEven(Number.NaN)).toBeNaN();
});
