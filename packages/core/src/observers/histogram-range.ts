import type { Histogram } from './histogram.js';

/** How much of all values one step of the search may cut off at an end. */
const quantileStep = 1e-5;

/**
 * Cuts bins off both ends of a histogram as long as the squared error of `levels` equal steps over the rest gets no
 * larger (the search of PyTorch's `HistogramObserver`, after Caffe2's norm minimization): each round moves the end where
 * the next 1e-5 of the values spans more bins.
 */
export function histogramRange(
  histogram: Histogram,
  levels: number,
): { readonly min: number; readonly max: number } {
  const { min, max, counts } = histogram;
  const bins = counts.length;
  const width = (max - min) / bins;
  if (width === 0) return { min, max };
  const cumulative = new Float64Array(bins);
  let total = 0;
  for (let bin = 0; bin < bins; bin++) {
    total += counts[bin];
    cumulative[bin] = total;
  }
  let first = 0;
  let last = bins - 1;
  let below = 0;
  let upTo = 1;
  let smallest = Infinity;
  while (below < upTo) {
    const nextBelow = below + quantileStep;
    const nextUpTo = upTo - quantileStep;
    let left = first;
    while (left < last && cumulative[left] < nextBelow * total) left++;
    let right = last;
    while (right > first && cumulative[right] > nextUpTo * total) right--;
    let nextFirst = first;
    let nextLast = last;
    if (left - first > last - right) {
      nextFirst = left;
      below = nextBelow;
    } else {
      nextLast = right;
      upTo = nextUpTo;
    }
    if (nextFirst === first && nextLast === last) continue;
    const error = quantizationError(counts, width, nextFirst, nextLast, levels);
    if (error > smallest) break;
    smallest = error;
    first = nextFirst;
    last = nextLast;
  }
  return { min: min + width * first, max: min + width * (last + 1) };
}

/**
 * The squared error when the bins first…last are covered by `levels` equal steps and values go to the nearest step's
 * centre (beyond the ends: to the last one). Values are taken as spread evenly in their bin, so each bin gives the
 * integral of a square over the parts of the steps that it meets.
 */
function quantizationError(
  counts: Float64Array,
  width: number,
  first: number,
  last: number,
  levels: number,
): number {
  const step = (width * (last - first + 1)) / levels;
  const whole = cube(step / 2) * 2;
  const stepOf = (x: number): number => Math.min(Math.max(Math.floor(x / step), 0), levels - 1);
  let error = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    if (counts[bin] === 0) continue;
    const begin = (bin - first) * width;
    const end = begin + width;
    const beginStep = stepOf(begin);
    const endStep = stepOf(end);
    // From the bin's begin to the end of its step, whole steps, and from the start of the last step to the bin's end.
    // When both ends lie in one step, -1 whole steps make up for what the two parts count twice.
    const head = cube(step / 2) - cube(begin - (beginStep + 0.5) * step);
    const tail = cube(end - (endStep + 0.5) * step) + cube(step / 2);
    error += (counts[bin] / width) * (head + (endStep - beginStep - 1) * whole + tail);
  }
  return error / 3;
}

function cube(x: number): number {
  return x * x * x;
}
