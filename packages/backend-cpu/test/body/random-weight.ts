import type { AffineScheme, PlainQuantizedWeight } from '@tamp/core';
import { integer } from '@tamp/fixtures/random';
import { denseWords } from '../dense-words.js';

/** Shape and scheme of a weight. */
export interface WeightCase {
  readonly bits: number;
  readonly rows: number;
  readonly columns: number;
  /** Undefined: per channel. */
  readonly groupSize: number | undefined;
  readonly symmetric: boolean;
}

/** A weight of random levels, scales and zero points. */
export function randomWeight(random: () => number, c: WeightCase): PlainQuantizedWeight {
  const { bits, rows, columns, groupSize, symmetric } = c;
  const half = 2 ** (bits - 1);
  const groups = columns / (groupSize ?? columns);
  const scheme: AffineScheme = {
    bits,
    symmetric,
    granularity: groupSize === undefined ? { kind: 'channel' } : { kind: 'group', groupSize },
  };
  const levels = Int32Array.from({ length: rows * columns }, () => integer(random, -half, half - 1));
  return {
    scheme,
    rows,
    columns,
    words: denseWords(levels, rows, columns, bits),
    scales: Float32Array.from({ length: rows * groups }, () => 0.001 + random() * 0.02),
    zeroPoints: symmetric
      ? null
      : Int32Array.from({ length: rows * groups }, () => integer(random, -half, half - 1)),
  };
}
