import { type FixtureFile, readJsonFixture, readTensorFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import type { DiffQuantizer, DiffQuantizerOptions, NamedVariable, NoiseSource } from '../src/index.js';

interface Words {
  readonly shape: readonly number[];
  readonly int16: readonly number[];
}

interface RecordedPacking {
  readonly scales: readonly [number, number];
  readonly packed_bits: Words;
  readonly buckets: readonly (Words | null)[];
}

export interface ReferenceCase {
  readonly index: number;
  readonly options: {
    readonly group_size: number;
    readonly min_bits?: number;
    readonly max_bits?: number;
    readonly init_bits?: number;
    readonly extra_bits?: number;
    readonly param?: 'bits' | 'noise';
    readonly noise?: 'gaussian' | 'uniform';
    readonly exclude?: readonly string[];
    readonly float16?: boolean;
  };
  readonly min_size: number;
  readonly quantized: readonly string[];
  readonly float16: readonly string[];
  readonly others: readonly string[];
  readonly model_size_mb: number;
  readonly true_model_size_mb: number;
  readonly range: Readonly<Record<string, readonly [number, number]>>;
  readonly train_loss: number;
  readonly packed?: readonly RecordedPacking[];
}

export const cases: readonly ReferenceCase[] = readJsonFixture('diffq', 'diffq.json');
export const tensors: FixtureFile = readTensorFixture('diffq', 'diffq.safetensors');

/** The recorded loss is mean(output²) + this · model size. */
export const recordedPenalty = 0.05;

function tensorOf(name: string): tf.Tensor {
  const { shape, float32 } = tensors.get(name);
  return tf.tensor(float32(), [...shape]);
}

/** Names of the recorded model's parameters, in its order: Linear, ReLU, Linear, ReLU, Linear. */
function parameterNames(reference: ReferenceCase): readonly string[] {
  return [...reference.quantized, ...reference.float16, ...reference.others].sort((a, b) => {
    const [layerA, kindA] = a.split('.');
    const [layerB, kindB] = b.split('.');
    return Number(layerA) - Number(layerB) || kindB.localeCompare(kindA);
  });
}

/** The case's model with its recorded weights. */
export function recordedModel(reference: ReferenceCase): readonly NamedVariable[] {
  return parameterNames(reference).map((name) => {
    const tensor = tensorOf(`${reference.index}.${name}.weight`);
    const variable = tf.variable(tensor);
    tensor.dispose();
    return { name, variable };
  });
}

/** The recorded noise, in the unit of the quantizer. */
function recordedNoise(reference: ReferenceCase): NoiseSource {
  const { index, quantized, options } = reference;
  return {
    fill(noise, parameter) {
      const source = tensors.get(`${index}.${quantized[parameter]}.noise_source`).float32();
      for (let i = 0; i < noise.length; i++) {
        noise[i] = options.noise === 'uniform' ? source[i] - 0.5 : source[i] / 2;
      }
    },
  };
}

/** The case's options, with the recorded noise. */
export function optionsOf(reference: ReferenceCase): DiffQuantizerOptions {
  const { options, min_size } = reference;
  return {
    groupSize: options.group_size,
    minSize: min_size,
    noiseSource: recordedNoise(reference),
    ...(options.min_bits === undefined ? {} : { minBits: options.min_bits }),
    ...(options.max_bits === undefined ? {} : { maxBits: options.max_bits }),
    ...(options.init_bits === undefined ? {} : { initBits: options.init_bits }),
    ...(options.extra_bits === undefined ? {} : { extraBits: options.extra_bits }),
    ...(options.param === undefined ? {} : { param: options.param }),
    ...(options.noise === undefined ? {} : { noise: options.noise }),
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
    ...(options.float16 === undefined ? {} : { float16: options.float16 }),
  };
}

/** Gives the quantizer the recorded logits. */
export function setRecordedLogits(quantizer: DiffQuantizer, reference: ReferenceCase): void {
  for (const { name, trainable } of quantizer.quantized) {
    const logits = tensorOf(`${reference.index}.${name}.logit`);
    trainable?.assign(logits);
    logits.dispose();
  }
}

/** The recorded model's forward pass; `read` gives a parameter's value. */
export function forward(
  input: tf.Tensor,
  model: readonly NamedVariable[],
  read: (variable: tf.Variable) => tf.Tensor,
): tf.Tensor2D {
  const byName = new Map(model.map(({ name, variable }) => [name, variable]));
  const layers = model.filter(({ name }) => name.endsWith('.weight'));
  return layers.reduce((x, { name, variable }, i) => {
    const bias = byName.get(name.replace('.weight', '.bias'));
    if (bias === undefined) throw new Error(`the case lacks the bias of ${name}`);
    const y = tf.add<tf.Tensor2D>(tf.matMul(x, read(variable) as tf.Tensor2D, false, true), read(bias));
    return i < layers.length - 1 ? tf.relu(y) : y;
  }, input as tf.Tensor2D);
}

/** The recorded input. */
export function inputOf(reference: ReferenceCase): tf.Tensor {
  return tensorOf(`${reference.index}.input`);
}
