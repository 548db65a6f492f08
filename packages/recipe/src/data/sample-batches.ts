import type { CalibrationBatches, InputNode, Model } from '@tamp/core';
import type { LabelledData, SampleArray } from '@tamp/training-pipeline';
import * as tf from '@tensorflow/tfjs-core';

/** Samples of one calibration batch, and how many batches at most. */
const batchSize = 32;
const mostBatches = 8;

/** Rows of an array in the shape and type of the model's input. */
function rows({ values, scale = 1 }: SampleArray, { type }: InputNode, from: number, to: number): tf.Tensor {
  const shape = type.shape.slice(1).map((size) => size ?? 1);
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const taken = values.subarray(from * size, to * size);
  const numbers =
    type.dtype === 'float32' ? Float32Array.from(taken, (value) => value * scale) : Int32Array.from(taken);
  return tf.tensor(numbers, [to - from, ...shape], type.dtype);
}

/** How many calibration batches {@link sampleBatches} makes, and of how many samples. */
export function calibrationSampleBatches({ labels }: LabelledData): {
  readonly batchSize: number;
  readonly batches: number;
} {
  const count = Math.min(labels.shape[0] ?? 0, batchSize * mostBatches);
  return { batchSize: Math.min(count, batchSize), batches: count / batchSize };
}

/** The first samples of a recipe's labelled data, at most 256, as calibration batches; labels are left out. */
export function sampleBatches({ inputs, labels }: LabelledData, model: Model): CalibrationBatches {
  const count = Math.min(labels.shape[0] ?? 0, batchSize * mostBatches);
  const nodes = model.graph.nodes.filter((node) => node.kind === 'input');
  return {
    count: Math.ceil(count / batchSize),
    async batch(index) {
      const [from, to] = [index * batchSize, Math.min(count, (index + 1) * batchSize)];
      return Object.fromEntries(nodes.map((node) => [node.name, rows(inputs[node.name], node, from, to)]));
    },
  };
}
