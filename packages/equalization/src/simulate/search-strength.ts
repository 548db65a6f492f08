import { type OperatorNode, type PlannedQuantization, worthwhileError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { innerOf, reciprocals, scaleColumns } from '../rewrite/scale-weight.js';
import { smoothScale } from '../scales/smooth-scale.js';
import { layerInput, type ShapedValues } from './layer-input.js';
import { outputNoise } from './output-noise.js';

/** Strengths that the search tries: 0 to 1 in steps of 0.05. */
const strengths = Array.from({ length: 21 }, (_, i) => i / 20);

/** A layer of a group with its weight, how much each of its output channels counts, and how it is to be quantized. */
export interface WeightedReader {
  readonly node: OperatorNode;
  readonly weight: ShapedValues;
  readonly importance: tf.Tensor | undefined;
  readonly quantization: PlannedQuantization;
}

/** What {@link searchStrength} works on. */
export interface StrengthSearch {
  /** Largest magnitude of each channel of the value, and of its columns in all readers. */
  readonly inputMagnitude: Float32Array;
  readonly weightMagnitude: Float32Array;
  /** Channel that each of the value's columns belongs to. */
  readonly channelOf: Int32Array;
  /** Sample of the value, [rows, columns, …]. */
  readonly sample: ShapedValues;
  readonly readers: readonly WeightedReader[];
  readonly signal: AbortSignal;
}

/** Sum over the readers of noise relative to signal, with the value scaled. */
async function relativeNoise(
  { sample, readers, channelOf }: StrengthSearch,
  scale: Float32Array,
): Promise<number> {
  const scaled = ({ values, shape }: ShapedValues, factor: Float32Array): ShapedValues => ({
    values: scaleColumns(values, factor, channelOf, innerOf(shape)),
    shape,
  });
  const divide = reciprocals(scale);
  const input = layerInput(scaled(sample, scale));
  try {
    let total = 0;
    for (const { node, weight, quantization, importance } of readers) {
      const { signal, noise } = await outputNoise(
        node,
        input,
        scaled(weight, divide),
        quantization,
        importance,
      );
      if (signal > 0) total += noise / signal;
    }
    return total;
  } finally {
    input.dispose();
  }
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
