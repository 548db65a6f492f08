/** Counts of values in equally wide bins of [min, max]. Counts may be fractions after a change of range. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly counts: Float64Array;
}

/** When the range grows, each bin is split into as many parts, and each part goes to the new bin of its centre. */
const splits = 16;

/** The bin of a value of [min, max]; a range of one value has all of it in the middle bin. */
function binOf(value: number, min: number, max: number, bins: number): number {
  if (min === max) return bins >> 1;
  return Math.min(Math.max(Math.floor(((value - min) / (max - min)) * bins), 0), bins - 1);
}

/**
 * The histogram of finite values, together with an earlier one of as many bins; the range is that of both. Growing
 * spreads the earlier counts over the new bins, so they are then approximate.
 */
export function extendHistogram(
  known: Histogram | undefined,
  values: Float32Array,
  batchMin: number,
  batchMax: number,
  bins: number,
): Histogram {
  const min = known === undefined ? batchMin : Math.min(known.min, batchMin);
  const max = known === undefined ? batchMax : Math.max(known.max, batchMax);
  const counts = known === undefined ? new Float64Array(bins) : rescale(known, min, max);
  for (let i = 0; i < values.length; i++) counts[binOf(values[i], min, max, bins)]++;
  return { min, max, counts };
}

function rescale(known: Histogram, min: number, max: number): Float64Array {
  if (known.min === min && known.max === max) return known.counts.slice();
  const bins = known.counts.length;
  const counts = new Float64Array(bins);
  const part = (known.max - known.min) / (bins * splits);
  for (let bin = 0; bin < bins; bin++) {
    const count = known.counts[bin];
    if (count === 0) continue;
    for (let split = 0; split < splits; split++) {
      const centre = known.min + (bin * splits + split + 0.5) * part;
      counts[binOf(centre, min, max, bins)] += count / splits;
    }
  }
  return counts;
}
