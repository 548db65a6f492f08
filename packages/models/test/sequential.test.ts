import { createModelRunner, type Model, readParameter } from '@tamp/core';
import { fixturePath, readTensorFixture } from '@tamp/fixtures';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import { openSafetensors } from '@tamp/safetensors';
import { fileSource } from '@tamp/safetensors/node';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkpointParameters, createConvNet, createMlp } from '../src/index.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const digits = readTensorFixture('digits', 'digits.safetensors');
/** The last `count` images, the test set, as pixels / 16. */
function testImages(count: number, shape: readonly number[]): tf.Tensor {
  const images = digits.get('images');
  const size = images.shape[1] * images.shape[2];
  const pixels = images.numbers().slice((images.shape[0] - count) * size);
  return tf.tensor(
    Float32Array.from(pixels, (pixel) => pixel / 16),
    [count, ...shape],
  );
}

async function expectReferenceLogits(model: Model, name: string, shape: readonly number[]): Promise<void> {
  const expected = readTensorFixture('digits', `${name}.reference.safetensors`).get('logits');
  const input = testImages(expected.shape[0], shape);
  const runner = createModelRunner(model);
  const { logits } = await runner.run({ input });
  expect(logits.shape).toEqual(expected.shape);
  const values = await logits.data();
  const reference = expected.float32();
  const worst = Math.max(...reference.map((value, i) => Math.abs(value - values[i])));
  // float32 sums of a few hundred products in another order than PyTorch's.
  expect(worst / Math.max(...reference.map(Math.abs))).toBeLessThan(1e-6);
  tf.dispose([input, logits]);
  runner.dispose();
}

describe('createMlp', () => {
  it("gives the trained network's logits", async () => {
    const source = await fileSource(fixturePath('digits', 'mlp.safetensors'));
    const weights = checkpointParameters(await openSafetensors(source));
    const [, height, width] = digits.get('images').shape;
    const layers = [...weights.keys()].filter((key) => key.endsWith('.weight')).sort();
    const widths = [height * width, ...layers.map((layer) => weights.get(layer)?.shape[0] ?? 0)];
    await expectReferenceLogits(createMlp({ widths, weights }), 'mlp', [height * width]);
    await source.close();
  });

  it('names its layers as Sequential does', () => {
    const model = createMlp({ widths: [4, 3, 2] });
    expect(model.graph.scopes).toEqual({ 0: 'Linear', 1: 'ReLU', 2: 'Linear' });
    expect([...model.parameters].map(([name, { shape }]) => [name, shape])).toEqual([
      ['0.weight', [3, 4]],
      ['0.bias', [3]],
      ['2.weight', [2, 3]],
      ['2.bias', [2]],
    ]);
    expect(model.config).toEqual({ architectures: ['MLP'], widths: [4, 3, 2] });
  });

  it('starts from the same uniform numbers within ±1/√fanIn for the same seed', async () => {
    const read = async (seed: number): Promise<Float32Array[]> =>
      Promise.all([...createMlp({ widths: [100, 50, 2], seed }).parameters.values()].map(readParameter));
    const [weight, bias, , lastBias] = await read(1);
    expect(await read(1)).toEqual(await read(1));
    expect(await read(2)).not.toEqual(await read(1));
    for (const values of [weight, bias]) {
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.1);
    }
    expect(Math.max(...lastBias.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(50));
    // The variance of 5000 uniform numbers on ±0.1 is 1/300, within 5 percent at more than 3 deviations.
    const variance = weight.reduce((sum, value) => sum + value * value, 0) / weight.length;
    expect(variance * 300).toBeGreaterThan(0.95);
    expect(variance * 300).toBeLessThan(1.05);
  });

  it('refuses impossible widths and weights that do not fit', () => {
    expect(() => createMlp({ widths: [4] })).toThrow('widths');
    expect(() => createMlp({ widths: [4, 0, 2] })).toThrow('widths.1');
    const { parameters } = createMlp({ widths: [4, 3, 2] });
    expect(() => createMlp({ widths: [4, 5, 2], weights: parameters })).toThrow(
      '0.weight (is [3, 4], should be [5, 4])',
    );
  });
});

describe('createConvNet', () => {
  it("gives the trained network's logits", async () => {
    const source = await fileSource(fixturePath('digits', 'cnn.safetensors'));
    const weights = checkpointParameters(await openSafetensors(source));
    const outputs = (layer: number): number => weights.get(`${layer}.weight`)?.shape[0] ?? 0;
    const [, height, width] = digits.get('images').shape;
    const model = createConvNet({
      input: [1, height, width],
      convolutions: [{ channels: outputs(0) }, { channels: outputs(3) }],
      widths: [outputs(7), outputs(9)],
      weights,
    });
    await expectReferenceLogits(model, 'cnn', [1, height, width]);
    await source.close();
  });

  it('leaves pooling out where its size is 1, and names its layers as Sequential does', () => {
    const model = createConvNet({
      input: [3, 6, 6],
      convolutions: [{ channels: 4, kernel: 5, padding: 0, pool: 1 }, { channels: 2 }],
      widths: [7],
    });
    expect(Object.values(model.graph.scopes)).toEqual([
      'Conv2d',
      'ReLU',
      'Conv2d',
      'ReLU',
      'MaxPool2d',
      'Flatten',
      'Linear',
    ]);
    expect(model.parameters.get('6.weight')?.shape).toEqual([7, 2]);
  });

  it('refuses a kernel that does not fit, naming the layer', () => {
    const stage = { channels: 1, kernel: 9, padding: 0 };
    expect(() => createConvNet({ input: [1, 8, 8], convolutions: [stage], widths: [2] })).toThrow(
      '0.conv2d: conv2d: a window of 9 does not fit into 8',
    );
  });
});
