import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import { readTensorFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { LsqQuantizer, UniformQuantizer } from '../src/index.js';
import { largestError, relativeError } from './largest-error.js';

interface ReferenceCase {
  readonly kind: 'lsq' | 'uniform';
  readonly bits: number;
  readonly model_size_mb: number;
}

const file = readTensorFixture('diffq', 'lsq_uniform.safetensors');
const cases: readonly ReferenceCase[] = JSON.parse(file.metadata.cases);

function matrixOf(name: string): tf.Tensor2D {
  const { shape, float32 } = file.get(name);
  return tf.tensor2d(float32(), [shape[0], shape[1]]);
}

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

describe.each(cases)('$kind with $bits bits', ({ kind, bits, model_size_mb }) => {
  // Input and parameters are recorded once per number of bits.
  const source = `lsq${bits}`;
  const recorded = (name: string) => file.get(`${kind}${bits}.${name}`).float32();

  test('size, output and gradients', async () => {
    const tensorsBefore = tf.memory().numTensors;
    const weight = tf.tidy(() => tf.variable(matrixOf(`${source}.weight`)));
    const bias = tf.tidy(() => tf.variable(tf.tensor1d(file.get(`${source}.bias`).float32())));
    const input = matrixOf(`${source}.input`);
    const parameters = [
      { name: 'weight', variable: weight },
      { name: 'bias', variable: bias },
    ];
    const options = { bits, minSize: (4 * bias.size) / 2 ** 20 };
    const quantizer =
      kind === 'lsq'
        ? new LsqQuantizer(parameters, options)
        : new UniformQuantizer(parameters, { ...options, qat: true });
    quantizer.noOptimizer();
    const [step] = quantizer.trainables;
    if (step !== undefined) {
      // The mean of the magnitudes is summed in another order: a few float32 ulps.
      expect(relativeError(await step.data(), recorded('scale'))).toBeLessThan(1e-6);
      tf.tidy(() => step.assign(tf.tensor(recorded('scale'))));
    }
    expect(Math.abs((await quantizer.trueModelSize()) - model_size_mb)).toBeLessThan(1e-6);
    const size = quantizer.modelSize();
    expect(Math.abs((await size.data())[0] - model_size_mb)).toBeLessThan(1e-6);

    const run = () =>
      tf.add(tf.matMul(input, quantizer.value(weight) as tf.Tensor2D, false, true), quantizer.value(bias));
    let output: tf.Tensor = input;
    const { value, grads } = tf.variableGrads(
      () =>
        quantizer.trainingStep(() => {
          output = tf.keep(run());
          return tf.mean(tf.square(output)) as tf.Scalar;
        }),
      [weight, ...quantizer.trainables],
    );
    // Sums of 32 float32 products in another order.
    expect(largestError(await output.data(), recorded('output'))).toBeLessThan(2e-6);
    expect(relativeError(await grads[weight.name].data(), recorded('weight_grad'))).toBeLessThan(1e-5);
    if (step !== undefined) {
      // The reference takes the difference of two float32 sums, over g·round(v) and over g·v, that nearly cancel (from
      // 45 to 0.1 with 8 bits): its own error is a few float32 ulps of those sums, and that is the tolerance.
      const gradient = await grads[weight.name].data();
      const s = recorded('scale')[0];
      const weights = Array.from(await weight.data());
      const sum = weights.reduce((total, w, i) => total + (gradient[i] * w) / s, 0);
      const ulps = (4 * 2 ** -23 * Math.abs(sum)) / Math.sqrt(weight.size * (2 ** (bits - 1) - 1));
      const [expected] = recorded('scale_grad');
      const error = Math.abs((await grads[step.name].data())[0] - expected);
      expect(error).toBeLessThan(Math.max(1e-5 * Math.abs(expected), ulps));
    }
    const evaluated = quantizer.evaluation(() => tf.tidy(run));
    expect(largestError(await evaluated.data(), recorded('output'))).toBeLessThan(2e-6);

    quantizer.dispose();
    tf.dispose([weight, bias, input, size, output, value, grads, evaluated]);
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });
});
