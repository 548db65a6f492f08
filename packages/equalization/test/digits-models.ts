import {
  type CalibrationBatches,
  createModelRunner,
  denseStorage,
  type Model,
  type Parameter,
  Random,
} from '@tamp/core';
import { readTensorFixture } from '@tamp/fixtures';
import { createConvNet, createMlp } from '@tamp/models';
import * as tf from '@tensorflow/tfjs-core';

const digits = readTensorFixture('digits', 'digits.safetensors');
const [imageCount, height, width] = digits.get('images').shape;
const testCount = readTensorFixture('digits', 'mlp.reference.safetensors').get('logits').shape[0];

/** Images `from` up to `to` as pixels / 16, in a model's input shape. */
function images(from: number, to: number, shape: readonly number[]): tf.Tensor {
  const pixels = digits
    .get('images')
    .numbers()
    .slice(from * height * width, to * height * width);
  return tf.tensor(
    Float32Array.from(pixels, (pixel) => pixel / 16),
    [to - from, ...shape],
  );
}

function inputShape(model: Model): readonly number[] {
  const input = model.graph.nodes.find((node) => node.kind === 'input');
  return input?.kind === 'input' ? input.type.shape.slice(1).map((size) => size ?? 1) : [];
}

/** A parameter's numbers and shape. */
interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function trained(name: string): Map<string, Weight> {
  const file = readTensorFixture('digits', `${name}.safetensors`);
  return new Map(
    file.names.map((key) => [key, { shape: file.get(key).shape, values: file.get(key).float32() }]),
  );
}

function parametersOf(weights: ReadonlyMap<string, Weight>): Map<string, Parameter> {
  return new Map(
    [...weights].map(([name, { shape, values }]) => [name, { name, shape, storage: denseStorage(values) }]),
  );
}

function widthsOf(weights: ReadonlyMap<string, Weight>, rank: number): number[] {
  return [...weights]
    .filter(([name, { shape }]) => name.endsWith('.weight') && shape.length === rank)
    .sort(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map(([, { shape }]) => shape[0]);
}

/** The trained MLP or CNN, with its parameters changed. */
export function digitsModel(
  name: 'mlp' | 'cnn',
  change: (weights: Map<string, Weight>) => void = () => {},
): Model {
  const numbers = trained(name);
  change(numbers);
  const weights = parametersOf(numbers);
  if (name === 'mlp') return createMlp({ widths: [height * width, ...widthsOf(numbers, 2)], weights });
  const convolutions = widthsOf(numbers, 4).map((channels) => ({ channels }));
  return createConvNet({ input: [1, height, width], convolutions, widths: widthsOf(numbers, 2), weights });
}

/** 256 training images in batches of 32. */
export function digitsCalibration(model: Model): CalibrationBatches {
  const shape = inputShape(model);
  return { count: 8, batch: async (index) => ({ input: images(32 * index, 32 * index + 32, shape) }) };
}

/** Logits of the test images. */
export async function testLogits(
  model: Model,
): Promise<{ readonly values: Float32Array; readonly classes: number }> {
  const runner = createModelRunner(model);
  const input = images(imageCount - testCount, imageCount, inputShape(model));
  const { logits } = await runner.run({ input });
  const result = { values: Float32Array.from(await logits.data()), classes: logits.shape[1] ?? 1 };
  tf.dispose([input, logits]);
  runner.dispose();
  return result;
}

/** Share of the test images whose largest logit is that of their label. */
export async function testAccuracy(model: Model): Promise<number> {
  const labels = digits
    .get('labels')
    .numbers()
    .slice(imageCount - testCount);
  const { values, classes } = await testLogits(model);
  const right = labels.filter((label, i) => {
    const row = values.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row)) === label;
  });
  return right.length / labels.length;
}

/** Multiplies each hidden channel by a random power of two from 2^-6 to 2^6, and divides it out in the next layer. */
export function scaleChannels(weights: Map<string, Weight>, seed: number): void {
  const random = new Random(seed);
  const layers = [...weights.keys()]
    .filter((name) => name.endsWith('.weight'))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const set = (name: string, by: (at: number) => number): void => {
    const parameter = weights.get(name);
    if (parameter === undefined) return;
    weights.set(name, { ...parameter, values: parameter.values.map((value, at) => value * by(at)) });
  };
  for (const [index, layer] of layers.slice(0, -1).entries()) {
    const rows = weights.get(layer)?.shape[0] ?? 0;
    const next = weights.get(layers[index + 1])?.shape ?? [];
    const factors = Float64Array.from({ length: rows }, () => 2 ** Math.floor(random.between(-6, 7)));
    const rowLength = (weights.get(layer)?.shape ?? []).slice(1).reduce((product, size) => product * size, 1);
    set(layer, (at) => factors[Math.floor(at / rowLength)]);
    set(layer.replace('.weight', '.bias'), (at) => factors[at]);
    // Columns of the next layer that belong to one channel: kernel windows, or the pixels of a flattened image.
    const nextLength = next.slice(1).reduce((product, size) => product * size, 1);
    const perChannel = nextLength / rows;
    set(layers[index + 1], (at) => 1 / factors[Math.floor((at % nextLength) / perChannel)]);
  }
}
