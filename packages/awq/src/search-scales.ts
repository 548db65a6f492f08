import {
  type AffineScheme,
  dequantizeWeight,
  nextTask,
  quantizeWithSearch,
  type RangeSearch,
  type SecondMoments,
  worthwhileError,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** A weight [rows, columns] that reads the scaled input. */
export interface SearchedWeight {
  readonly layer: string;
  readonly values: Float32Array;
  readonly rows: number;
  /** How it will be rounded. */
  readonly scheme: AffineScheme;
}

/** Options of {@link searchScales}. */
export interface SearchOptions {
  /** How the rounding that follows finds its ranges; absent: minimum and maximum. */
  readonly range?: RangeSearch;
  /** Strengths tried, evenly from 0 up to, not including, 1. */
  readonly gridPoints: number;
  /** Channel that each input channel's scale belongs to. */
  readonly channelOf: Int32Array;
  readonly channels: number;
  readonly signal: AbortSignal;
}

/** The scales found. */
export interface ScaleChoice {
  /** One per channel. */
  readonly scales: Float32Array;
  /** Exponent of the activations' size; 0 when no scaling is best. */
  readonly strength: number;
  /** Whether the weights' size was divided out. */
  readonly balanced: boolean;
  /** Squared output error with these scales over that without. */
  readonly errorRatio: number;
}

/** Rows of each weight that the error is measured on, evenly spaced. */
const mostRows = 128;

function sampled(weight: SearchedWeight, columns: number): SearchedWeight {
  const { values, rows } = weight;
  if (rows <= mostRows) return weight;
  const taken = new Float32Array(mostRows * columns);
  for (let i = 0; i < mostRows; i++) {
    const row = Math.floor((i * rows) / mostRows);
    taken.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  }
  return { ...weight, values: taken, rows: mostRows };
}

/** Root mean square of each channel's inputs. */
function activationSizes({ diagonal }: SecondMoments, channelOf: Int32Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  const counts = new Float64Array(channels);
  diagonal.forEach((square, i) => {
    sums[channelOf[i]] += square;
    counts[channelOf[i]]++;
  });
  return sums.map((sum, i) => Math.sqrt(sum / Math.max(1, counts[i])));
}

/** Mean over rows of |w| relative to the largest of its group, by channel. */
function weightSizes(
  weights: readonly SearchedWeight[],
  columns: number,
  channelOf: Int32Array,
  channels: number,
): Float64Array {
  const sums = new Float64Array(channels);
  const counts = new Float64Array(channels);
  for (const { values, rows, scheme } of weights) {
    const groupSize = scheme.granularity.kind === 'group' ? scheme.granularity.groupSize : columns;
    for (let start = 0; start < rows * columns; start += groupSize) {
      let largest = 0;
      for (let i = start; i < start + groupSize; i++) largest = Math.max(largest, Math.abs(values[i]));
      for (let i = start; i < start + groupSize; i++) {
        const channel = channelOf[i % columns];
        sums[channel] += largest === 0 ? 0 : Math.abs(values[i]) / largest;
        counts[channel]++;
      }
    }
  }
  return sums.map((sum, i) => sum / Math.max(1, counts[i]));
}

/** x^strength / w^(1 − strength), or x^strength alone; centred so that the geometric mean of its extremes is 1. */
function scalesFor(
  activations: Float64Array,
  weights: Float64Array | undefined,
  strength: number,
): Float32Array {
  const raw = activations.map((size, i) => {
    const balance = weights === undefined ? 1 : Math.max(weights[i], 1e-4) ** (1 - strength);
    return size > 0 ? Math.max(size ** strength / balance, 1e-4) : Number.NaN;
  });
  const live = raw.filter((value) => !Number.isNaN(value));
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const value of live) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const centre = live.length === 0 ? 1 : Math.sqrt(low * high);
  // A channel without input has no scale to speak of.
  return Float32Array.from(raw, (value) => (Number.isNaN(value) ? 1 : value / centre));
}

/** Σ over weights of tr(E · moments · Eᵀ), E = Q(W · scales) / scales − W: the squared error of the outputs. */
async function outputError(
  weights: readonly SearchedWeight[],
  columns: number,
  moments: tf.Tensor,
  scales: Float32Array,
  { range, channelOf }: SearchOptions,
): Promise<number> {
  let total = 0;
  for (const { values, rows, layer, scheme } of weights) {
    const scaled = values.map((value, i) => value * scales[channelOf[i % columns]]);
    const quantized = dequantizeWeight(
      await quantizeWithSearch(scaled, rows, columns, scheme, {
        layer,
        ...(range === undefined ? {} : { search: range }),
      }),
    );
    const errors = quantized.map((value, i) => value / scales[channelOf[i % columns]] - values[i]);
    const sum = tf.tidy(() => {
      const e = tf.tensor2d(errors, [rows, columns]);
      return tf.sum(tf.mul(tf.matMul(e, moments), e));
    });
    try {
      total += (await sum.data())[0];
    } finally {
      sum.dispose();
    }
  }
  return total;
}

/**
 * Scales per channel of a layer's input that make rounding the layer's weights hurt its outputs least (activation-aware
 * weight quantization, Lin et al. 2023). Weights that meet large activations are made larger before rounding, so that
 * their error is smaller relative to them. Tries strengths α with scales x^α and x^α / w^(1−α), x the root mean square of
 * the activations and w the mean relative size of the weights, and keeps the best by the squared error of the outputs
 * on the calibration data; none of them when rounding as it is does better, or not half a decibel worse: less than that
 * is within what other data would say, and later layers may lose by it.
 */
export async function searchScales(
  weights: readonly SearchedWeight[],
  moments: SecondMoments,
  options: SearchOptions,
): Promise<ScaleChoice> {
  const { columns } = moments;
  const { channelOf, channels, gridPoints, signal } = options;
  const rows = weights.map((weight) => sampled(weight, columns));
  const activations = activationSizes(moments, channelOf, channels);
  const sizes = weightSizes(rows, columns, channelOf, channels);
  const matrix = moments.values;
  const none = new Float32Array(channels).fill(1);
  const before = await outputError(rows, columns, matrix, none, options);
  const unscaled = { scales: none, strength: 0, balanced: false, error: before };
  let best: Omit<ScaleChoice, 'errorRatio'> & { readonly error: number } = unscaled;
  for (const balanced of [false, true]) {
    for (let point = balanced ? 0 : 1; point < gridPoints; point++) {
      signal.throwIfAborted();
      const strength = point / gridPoints;
      const scales = scalesFor(activations, balanced ? sizes : undefined, strength);
      const error = await outputError(rows, columns, matrix, scales, options);
      if (error < best.error) best = { scales, strength, balanced, error };
      await nextTask();
    }
  }
  const { error, ...choice } = best.error < worthwhileError * before ? best : unscaled;
  return { ...choice, errorRatio: before > 0 ? error / before : 1 };
}
