import { Random } from '@tamp/core';

/** Rows drawn from all that pass by, each with the same chance (reservoir sampling); the same for the same data. */
export interface RowSample {
  /** Takes rows [count, width]. */
  add(values: Float32Array, width: number): void;
  /** The rows drawn, in no particular order, as one array. */
  rows(): Float32Array;
  readonly count: number;
}

/** A sample of at most `capacity` rows. */
export function rowSample(capacity: number): RowSample {
  const random = new Random(0);
  const kept: Float32Array[] = [];
  let seen = 0;
  return {
    get count() {
      return kept.length;
    },
    add(values, width) {
      for (let start = 0; start < values.length; start += width) {
        seen++;
        if (kept.length < capacity) kept.push(values.slice(start, start + width));
        else {
          const slot = Math.floor(random.between(0, seen));
          if (slot < capacity) kept[slot] = values.slice(start, start + width);
        }
      }
    },
    rows() {
      const width = kept[0]?.length ?? 0;
      const all = new Float32Array(kept.length * width);
      for (const [i, row] of kept.entries()) all.set(row, i * width);
      return all;
    },
  };
}
