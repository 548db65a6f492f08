import { describe, expect, it } from 'vitest';
import { dequantizeWeight, quantizeWeight, type ScaleFormat } from '../../src/affine/quantize-weight.js';
import { createPackedRounder } from '../../src/affine/round-packed.js';
import { weightError } from '../../src/affine/weight-error.js';
import { packDense } from '../../src/packing/dense.js';
import { Random } from '../../src/random/random.js';
import type { AffineScheme } from '../../src/schemes/scheme.js';

const rows = 7;
const columns = 60;
const granularities: readonly AffineScheme['granularity'][] = [
  { kind: 'channel' },
  { kind: 'group', groupSize: 20 },
  { kind: 'group', groupSize: 1 },
];
const formats: readonly ScaleFormat[] = ['float32', 'float16', 'bfloat16'];

function weightOf(seed: number): Float32Array {
  const weight = new Random(seed).fillNormal(new Float32Array(rows * columns));
  // A row of zeros, a row of one sign, values at the ends of the range.
  weight.fill(0, 0, columns);
  for (let i = columns; i < 2 * columns; i++) weight[i] = Math.abs(weight[i]);
  weight[2 * columns] = 1e-30;
  weight[3 * columns] = -50;
  return weight;
}

describe('a weight rounded and packed row by row', () => {
  for (let bits = 2; bits <= 8; bits++) {
    for (const symmetric of [true, false]) {
      for (const granularity of granularities) {
        it(`is the one of quantizeWeight, packDense and weightError (${bits} bits, ${symmetric ? '' : 'a'}symmetric, ${JSON.stringify(granularity)})`, () => {
          const scheme: AffineScheme = { bits, symmetric, granularity };
          for (const scaleFormat of formats) {
            const weight = weightOf(bits);
            const expected = quantizeWeight(weight, rows, columns, scheme, { scaleFormat });
            const rounder = createPackedRounder(rows, columns, scheme, { scaleFormat });
            // In two unequal blocks, so that rows and sums continue.
            rounder.add(weight.slice(0, 3 * columns));
            rounder.add(weight.slice(3 * columns));
            const { weight: packed, error } = rounder.finish();
            // The same formulas in the same order: nothing may differ.
            expect(packed.words).toEqual(packDense(expected.levels, bits, rows, columns));
            expect(packed.scales).toEqual(expected.scales);
            expect(packed.zeroPoints).toEqual(expected.zeroPoints);
            expect(error).toEqual(weightError(weight, dequantizeWeight(expected)));
          }
        });
      }
    }
  }

  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    it(`is refused with its position in the whole weight for ${bad}`, () => {
      const rounder = createPackedRounder(
        rows,
        columns,
        { bits: 4, symmetric: true, granularity: { kind: 'channel' } },
        { layer: 'a.b' },
      );
      const weight = weightOf(1);
      weight[5 * columns + 9] = bad;
      rounder.add(weight.slice(0, 2 * columns));
      expect(() => rounder.add(weight.slice(2 * columns))).toThrow(
        `a.b: the value at row 5, column 9 is ${bad}`,
      );
    });
  }
});
