import { elementCount, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** Numbers of all samples, the first dimension being the sample. */
export interface SampleArray {
  readonly values: Float32Array | Int32Array | Uint8Array;
  /** Of all samples together: `[1797, 8, 8]`. */
  readonly shape: readonly number[];
  /** Factor on the values as they become float32: 1/16 brings 0 … 16 to 0 … 1. Default 1. */
  readonly scale?: number;
}

/** Samples with what a model is to make of them. */
export interface LabelledData {
  /** By the names of the model's inputs. */
  readonly inputs: Readonly<Record<string, SampleArray>>;
  /** Class numbers [samples], or values [samples, …]. */
  readonly labels: SampleArray;
}

/** One batch on the current backend; who asks for it disposes of it. */
export interface LabelledBatch {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly labels: tf.Tensor;
  readonly count: number;
}

/**
 * Number of samples. Throws a `TampError` (`data`) when arrays do not fill their shapes or have different numbers of
 * samples, and for NaN and infinite values.
 */
export function sampleCount(data: LabelledData): number {
  const arrays = [...Object.entries(data.inputs), ['labels', data.labels] as const];
  const count = data.labels.shape[0] ?? 0;
  for (const [name, { values, shape }] of arrays) {
    if (shape[0] !== count || elementCount(shape) !== values.length) {
      throw new TampError(
        `${name} has ${values.length} values in shape [${shape.join(', ')}], and there are ${count} labels`,
        { code: 'data', remedy: 'Give every sample a label and every input the same samples.' },
      );
    }
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad !== -1) {
      throw new TampError(`${name} holds ${values[bad]} at position ${bad}`, { code: 'data' });
    }
  }
  if (count === 0) throw new TampError('there are no samples', { code: 'data' });
  return count;
}

/** The samples from `from` up to `to`, without copying. */
export function sliceSamples(data: LabelledData, from: number, to: number): LabelledData {
  const cut = (array: SampleArray): SampleArray => {
    const size = elementCount(array.shape.slice(1));
    return {
      ...array,
      values: array.values.subarray(from * size, to * size),
      shape: [to - from, ...array.shape.slice(1)],
    };
  };
  return {
    inputs: Object.fromEntries(Object.entries(data.inputs).map(([name, array]) => [name, cut(array)])),
    labels: cut(data.labels),
  };
}

function gather(
  { values, shape, scale = 1 }: SampleArray,
  rows: Uint32Array,
  sampleShape: readonly number[],
): tf.Tensor {
  const size = elementCount(shape.slice(1));
  const batch = new Float32Array(rows.length * size);
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i] * size;
    for (let k = 0; k < size; k++) batch[i * size + k] = values[from + k] * scale;
  }
  return tf.tensor(batch, [rows.length, ...sampleShape]);
}

/**
 * The batch of the given rows. `inputShapes` are the models' input shapes without the batch dimension: samples are
 * reshaped to them. Integer labels of shape [samples] stay integers, other labels become float32.
 */
export function labelledBatch(
  data: LabelledData,
  rows: Uint32Array,
  inputShapes: Readonly<Record<string, readonly number[]>>,
): LabelledBatch {
  const inputs: Record<string, tf.Tensor> = {};
  for (const [name, array] of Object.entries(data.inputs))
    inputs[name] = gather(array, rows, inputShapes[name] ?? array.shape.slice(1));
  const { labels } = data;
  const classes = labels.shape.length === 1 && !(labels.values instanceof Float32Array);
  return {
    inputs,
    labels: classes
      ? tf.tensor1d(
          Int32Array.from(rows, (row) => labels.values[row]),
          'int32',
        )
      : gather(labels, rows, labels.shape.slice(1)),
    count: rows.length,
  };
}

/** Frees a batch. */
export function disposeBatch({ inputs, labels }: LabelledBatch): void {
  tf.dispose([inputs, labels]);
}
