import { type AffineScheme, type Granularity, type PlainQuantizedWeight, packDense } from '@tamp/core';
import { integer } from '@tamp/fixtures/random';

/** What to make a weight of. */
export interface WeightCase {
  readonly bits: number;
  readonly rows: number;
  readonly columns: number;
  readonly granularity: Granularity;
  readonly symmetric: boolean;
}

/** A weight with random levels, scales and zero points. */
export function randomWeight(random: () => number, c: WeightCase): PlainQuantizedWeight {
  const { bits, rows, columns, granularity, symmetric } = c;
  const half = 2 ** (bits - 1);
  const groups = granularity.kind === 'group' ? columns / granularity.groupSize : 1;
  const scheme: AffineScheme = { bits, symmetric, granularity };
  const levels = Int8Array.from({ length: rows * columns }, () => integer(random, -half, half - 1));
  const words = packDense(levels, bits, rows, columns);
  return {
    scheme,
    rows,
    columns,
    words: new Int32Array(words.buffer, words.byteOffset, words.length),
    scales: Float32Array.from({ length: rows * groups }, () => 0.001 + random() * 0.02),
    zeroPoints: symmetric
      ? null
      : Int32Array.from({ length: rows * groups }, () => integer(random, -half, half - 1)),
  };
}
