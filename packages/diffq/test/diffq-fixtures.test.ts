import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { DiffQuantizer, unpackState } from '../src/index.js';
import { largestError, relativeError } from './largest-error.js';
import {
  cases,
  forward,
  inputOf,
  optionsOf,
  type ReferenceCase,
  recordedModel,
  recordedPenalty,
  setRecordedLogits,
  tensors,
} from './reference-case.js';

async function withQuantizer(
  reference: ReferenceCase,
  body: (quantizer: DiffQuantizer, model: ReturnType<typeof recordedModel>) => Promise<void>,
): Promise<void> {
  const tensorsBefore = tf.memory().numTensors;
  const model = recordedModel(reference);
  const quantizer = new DiffQuantizer(model, optionsOf(reference));
  setRecordedLogits(quantizer, reference);
  await body(quantizer, model);
  quantizer.dispose();
  for (const { variable } of model) variable.dispose();
  expect(tf.memory().numTensors).toBe(tensorsBefore);
}

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

describe.each(cases)('reference case $index: $options', (reference) => {
  const recorded = (name: string, what: string) => tensors.get(`${reference.index}.${name}.${what}`);

  test('the same parameters are quantized', () =>
    withQuantizer(reference, async (quantizer) => {
      const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
      expect(names(quantizer.quantized)).toEqual(reference.quantized);
      expect(names(quantizer.float16)).toEqual(reference.float16);
      expect(names(quantizer.others)).toEqual(reference.others);
    }));

  test('bits, ranges, levels and dequantized weights', () =>
    withQuantizer(reference, async (quantizer) => {
      const { quantized } = await quantizer.state('plain').then(unpackState);
      await quantizer.quantize();
      for (const [i, parameter] of quantizer.quantized.entries()) {
        const { name, variable } = parameter;
        const stored = quantized[i];
        // Four float32 ulps of a number of bits: the reference's sigmoid, exponential and logarithm are not correctly
        // rounded.
        expect(largestError(quantizer.bitsOf(parameter), recorded(name, 'bits').float32())).toBeLessThan(
          4e-6,
        );
        expect(Array.from(stored.bits)).toEqual(recorded(name, 'rounded_bits').numbers());
        expect(Array.from(stored.levels)).toEqual(recorded(name, 'levels').numbers());
        expect(Array.from(stored.scales)).toEqual(reference.range[name].map(Math.fround));
        expect(Array.from(await variable.data())).toEqual(
          Array.from(recorded(name, 'dequantized').float32()),
        );
      }
      quantizer.unquantize();
      for (const { name, variable } of quantizer.quantized) {
        expect(await variable.data()).toEqual(recorded(name, 'weight').float32());
      }
    }));

  const { packed } = reference;
  // A case that the reference could not pack has no such recording.
  if (packed !== undefined)
    test('packed bits and levels, word for word', () =>
      withQuantizer(reference, async (quantizer) => {
        const { quantized } = await quantizer.state('strided');
        const numbers = (words: Int16Array | BigInt64Array | undefined) => Array.from(words ?? [], Number);
        expect(packed.length).toBe(reference.quantized.length);
        for (const [i, expected] of packed.entries()) {
          const entry = quantized[i];
          if (entry.packing === 'plain') throw new Error('the state is not packed');
          expect(Array.from(entry.scales)).toEqual(expected.scales.map(Math.fround));
          expect(entry.bits?.bits).toBe(expected.packed_bits.shape[0]);
          expect(numbers(entry.bits?.words)).toEqual(expected.packed_bits.int16);
          // The reference's list ends before the last bucket; ours holds one for 15 bits as well.
          expect(expected.buckets.length).toBeLessThanOrEqual(entry.buckets.length);
          for (const [b, bucket] of expected.buckets.entries()) {
            expect(entry.buckets[b]?.bits).toBe(bucket?.shape[0]);
            expect(numbers(entry.buckets[b]?.words)).toEqual(bucket?.int16 ?? []);
          }
        }
      }));

  test('sizes', () =>
    withQuantizer(reference, async (quantizer) => {
      const size = quantizer.modelSize();
      // MiB; the reference sums in float32.
      expect(Math.abs((await size.data())[0] - reference.model_size_mb)).toBeLessThan(1e-6);
      expect(Math.abs((await quantizer.trueModelSize()) - reference.true_model_size_mb)).toBeLessThan(1e-6);
      expect(quantizer.trueModelSizeNow()).toBe(await quantizer.trueModelSize());
      size.dispose();
    }));

  test('training step: output, loss and gradients', () =>
    withQuantizer(reference, async (quantizer, model) => {
      quantizer.noOptimizer();
      const input = inputOf(reference);
      let output: tf.Tensor = input;
      const { value, grads } = tf.variableGrads(
        () =>
          quantizer.trainingStep(() => {
            output = tf.keep(forward(input, model, (variable) => quantizer.value(variable)));
            return tf.add<tf.Scalar>(tf.mean(tf.square(output)), quantizer.modelSize(recordedPenalty));
          }),
        [...model.map(({ variable }) => variable), ...quantizer.trainables],
      );
      const out = tensors.get(`${reference.index}.train_out`).float32();
      // Sums of up to 64 float32 products in another order.
      expect(largestError(await output.data(), out)).toBeLessThan(2e-6);
      expect(relativeError(await value.data(), [reference.train_loss])).toBeLessThan(1e-5);
      for (const { name, variable, trainable } of quantizer.quantized) {
        if (trainable === null) throw new Error(`${name} has no logits`);
        const weightGradient = await grads[variable.name].data();
        const logitGradient = await grads[trainable.name].data();
        expect(relativeError(weightGradient, recorded(name, 'weight_grad').float32())).toBeLessThan(1e-5);
        expect(relativeError(logitGradient, recorded(name, 'logit_grad').float32())).toBeLessThan(1e-5);
      }
      tf.dispose([input, output, value, grads]);
    }));

  test('gradient of the model size', () =>
    withQuantizer(reference, async (quantizer) => {
      const { value, grads } = tf.variableGrads(() => quantizer.modelSize(), [...quantizer.trainables]);
      for (const { name, trainable } of quantizer.quantized) {
        const gradient = await grads[trainable?.name ?? ''].data();
        expect(relativeError(gradient, recorded(name, 'model_size_grad').float32())).toBeLessThan(1e-5);
      }
      tf.dispose([value, grads]);
    }));

  test('evaluation', () =>
    withQuantizer(reference, async (quantizer, model) => {
      const input = inputOf(reference);
      const output = quantizer.evaluation(() =>
        tf.tidy(() => forward(input, model, (variable) => quantizer.value(variable))),
      );
      const expected = tensors.get(`${reference.index}.eval_out`).float32();
      expect(largestError(await output.data(), expected)).toBeLessThan(2e-6);
      tf.dispose([input, output]);
    }));
});
