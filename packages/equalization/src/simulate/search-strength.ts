import { type OperatorNode, type PlannedQuantization, worthwhileError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { smoothScale } from '../scales/smooth-scale.js';
import { outputNoise } from './output-noise.js';

/** Strengths that the search tries: 0 to 1 in steps of 0.05. */
const strengths = Array.from({ length: 21 }, (_, i) => i / 20);

/** A layer of a group with its weight, how much each of its output channels counts, and how it is to be quantized. */
export interface WeightedReader {
  readonly node: OperatorNode;
  readonly weight: tf.Tensor;
  readonly importance: tf.Tensor | undefined;
  readonly quantization: PlannedQuantization;
}

/** What {@link searchStrength} works on. */
export interface StrengthSearch {
  /** Largest magnitude of each channel of the value, and of its columns in all readers. */
  readonly inputMagnitude: Float32Array;
  readonly weightMagnitude: Float32Array;
  /** Sample of the value, [rows, …]. */
  readonly sample: tf.Tensor;
  readonly readers: readonly WeightedReader[];
  /** The factor of the value's columns as a tensor that broadcasts over the sample, and for a reader's weight. */
  inputFactor(scale: Float32Array): tf.Tensor;
  weightFactor(scale: Float32Array, reader: WeightedReader): tf.Tensor;
  readonly signal: AbortSignal;
}

/** Sum over the readers of noise relative to signal, with the value scaled. */
async function relativeNoise(search: StrengthSearch, scale: Float32Array): Promise<number> {
  let total = 0;
  for (const reader of search.readers) {
    const [x, weight] = tf.tidy(() => [
      tf.mul(search.sample, search.inputFactor(scale)),
      tf.mul(reader.weight, search.weightFactor(scale, reader)),
    ]);
    const { signal, noise } = await outputNoise(
      reader.node,
      x,
      weight,
      reader.quantization,
      reader.importance,
    );
    tf.dispose([x, weight]);
    if (signal > 0) total += noise / signal;
  }
  return total;
}

/**
 * The strength of SmoothQuant's rule with which quantization makes the smallest error in the readers' outputs on the sample,
 * and its scale. Where none gains half a decibel, nothing is done: there is no strength, and every scale is 1. Less
 * than that is within what another sample would say.
 */
export async function searchStrength(
  search: StrengthSearch,
): Promise<{ readonly alpha?: number; readonly scale: Float32Array }> {
  let best: { readonly alpha?: number; readonly scale: Float32Array } = {
    scale: new Float32Array(search.inputMagnitude.length).fill(1),
  };
  let smallest = worthwhileError * (await relativeNoise(search, best.scale));
  for (const alpha of strengths) {
    search.signal.throwIfAborted();
    const scale = smoothScale(search.inputMagnitude, search.weightMagnitude, alpha);
    const noise = await relativeNoise(search, scale);
    if (noise >= smallest) continue;
    smallest = noise;
    best = { alpha, scale };
  }
  return best;
}
