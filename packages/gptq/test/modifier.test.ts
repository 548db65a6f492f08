import {
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type Model,
  type Parameter,
  Random,
  readParameter,
  runBasic,
  storedBytes,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { im2col } from '../src/hessian/im2col.js';
import gptq, { type GptqOptions } from '../src/index.js';
import { correlatedInputs } from './correlated-inputs.js';

const width = 48;

function parameterOf(name: string, shape: readonly number[], seed: number): Parameter {
  const values = new Random(seed).fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1)));
  return { name, shape, storage: denseStorage(values) };
}

/** Two linear layers with one input, then one more. */
function twins(): Model {
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const linear = (name: string, seed: number, x: Parameters<typeof builder.apply>[1][number]) =>
    builder.scope(name, 'Linear', () => {
      parameters.set(`${name}.weight`, parameterOf(`${name}.weight`, [width, width], seed));
      return builder.apply('linear', [x, builder.parameter(`${name}.weight`, [width, width])]);
    });
  const x = builder.input('x', { dtype: 'float32', shape: [null, width] });
  const sum = builder.apply('mul', [linear('gate', 1, x), linear('up', 2, x)]);
  builder.output('y', linear('down', 3, sum));
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}

/** A convolution with a rectangular kernel, stride and padding. */
function convolution(): Model {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 3, 9, 8] });
  const weight = parameterOf('conv.weight', [5, 3, 3, 2], 4);
  const y = builder.scope('conv', 'Conv2d', () =>
    builder.apply('conv2d', [x, builder.parameter('conv.weight', weight.shape)], { stride: 2, padding: 1 }),
  );
  builder.output('y', y);
  const parameters = new Map([[weight.name, weight]]);
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}

function batchesOf(shape: readonly number[], change: (values: Float32Array) => Float32Array = (v) => v) {
  const count = shape.reduce((a, b) => a * b, 1);
  const columns = shape[shape.length - 1];
  return {
    count: 4,
    batch: async (i: number) => ({
      x: tf.tensor(change(correlatedInputs(count / columns, columns, i)), [...shape]),
    }),
  };
}

async function run(model: Model, options: GptqOptions, data: ReturnType<typeof batchesOf>) {
  const modifier = gptq.create(gptq.options.parse(options));
  const plan = modifier.plan(model);
  return { plan, ...(await runBasic(model, [{ name: gptq.name, modifier }], data)) };
}

async function outputOf(model: Model, data: ReturnType<typeof batchesOf>): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const { x } = await data.batch(0);
  const { y } = await runner.run({ x });
  const values = Float32Array.from(await y.data());
  tf.dispose([x, y]);
  runner.dispose();
  return values;
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(
    a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.reduce((s, v) => s + v * v, 0),
  );
}

beforeAll(() => tf.setBackend('cpu'));

test('layers are done by input, each with its loss in figures and words, in the bytes that were planned', async () => {
  const tensors = tf.memory().numTensors;
  const data = batchesOf([64, width]);
  const { model, layers, plan } = await run(twins(), { weights: { groupSize: 16 } }, data);
  expect(layers.map(({ layer }) => layer)).toEqual(['gate', 'up', 'down']);
  for (const { layer, figures, note, bytesAfter, scheme } of layers) {
    const lost = figures?.outputEnergyLost ?? 1;
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(0.01);
    expect(note).toMatch(/^loses 0\.\d+% of its output's energy on the calibration data$/);
    expect(scheme).toBe('W4 g16 sym');
    const planned = plan.targets.find((target) => target.layer === layer);
    const stored = model.parameters.get(`${layer}.weight`)?.storage;
    expect([planned?.bytesAfter, stored === undefined ? 0 : storedBytes(stored)]).toEqual([
      bytesAfter,
      bytesAfter,
    ]);
  }
  // 4 bits and three layers in a row: a few percent.
  expect(distance(await outputOf(twins(), data), await outputOf(model, data))).toBeLessThan(0.1);
  expect(tf.memory().numTensors).toBe(tensors);
});

test('inputs that layers share are observed once', () => {
  const model = twins();
  const modifier = gptq.create(gptq.options.parse({ weights: { groupSize: 16 } }));
  const region = { name: 'model', nodes: new Set(model.graph.nodes.map(({ name }) => name)) };
  expect(modifier.observe?.(region, model).map(({ node }) => node)).toEqual(['x', 'mul']);
});

test('too little data without damping: the damping grows, and the report says so', async () => {
  const few = { ...batchesOf([2, width]), count: 1 };
  const { layers } = await run(twins(), { weights: { groupSize: 16 }, damping: 0 }, few);
  expect(layers[0].figures?.damping).toBeGreaterThan(0);
  expect(layers[0].note).toMatch(
    /; the Hessian needed a damping of [\d.]+ instead of 0: more calibration data would help$/,
  );
});

describe('convolutions', () => {
  test('patches times the weight are what the operator computes', async () => {
    const model = convolution();
    const data = batchesOf([2, 3, 9, 8]);
    const { x } = await data.batch(0);
    const patches = im2col(Float32Array.from(await x.data()), {
      input: [2, 3, 9, 8],
      kernelHeight: 3,
      kernelWidth: 2,
      stride: 2,
      padding: 1,
    });
    x.dispose();
    const weight = model.parameters.get('conv.weight');
    const values = weight === undefined ? new Float32Array(0) : await readParameter(weight);
    const output = await outputOf(model, data);
    const positions = output.length / (2 * 5);
    for (let i = 0; i < output.length; i++) {
      const [image, channel, position] = [
        Math.floor(i / (5 * positions)),
        Math.floor(i / positions) % 5,
        i % positions,
      ];
      let sum = 0;
      for (let k = 0; k < 18; k++)
        sum += patches[(image * positions + position) * 18 + k] * values[channel * 18 + k];
      // Float32 sums of 18 products.
      expect(Math.abs(sum - output[i])).toBeLessThan(1e-5 * (1 + Math.abs(sum)));
    }
  });

  test('are quantized, run, and lose less than with rounding to nearest', async () => {
    const tensors = tf.memory().numTensors;
    const data = batchesOf([8, 3, 9, 8]);
    const options: GptqOptions = { targets: ['conv2d'], weights: { bits: 3, granularity: 'channel' } };
    const { model, layers } = await run(convolution(), options, data);
    expect(layers.map(({ scheme }) => scheme)).toEqual(['W3 channel sym']);
    const { model: nearest } = await run(convolution(), { ...options, damping: 10 }, data);
    const original = await outputOf(convolution(), data);
    const error = distance(original, await outputOf(model, data));
    expect(error).toBeLessThan(distance(original, await outputOf(nearest, data)));
    expect(error).toBeLessThan(0.3);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

describe('what it refuses', () => {
  test('NaN that reaches a layer, naming the layer', async () => {
    const spoilt = batchesOf([8, width], (values) => values.fill(Number.NaN, 3, 4));
    await expect(run(twins(), { weights: { groupSize: 16 } }, spoilt)).rejects.toThrow(
      '@tamp/gptq, gate: its input holds NaN or infinity on the calibration data',
    );
  });

  test.each([
    [{ weights: { groupSize: 32 } }, /gate: the group size 32 does not divide the layer's width of 48/],
    [{ targets: ['sideways'] }, /the target sideways matches nothing/],
    [{ targets: ['conv2d'] }, /the target conv2d matches nothing/],
  ])('%j before any work', async (options, message) => {
    expect(() => gptq.create(gptq.options.parse(options)).plan(twins())).toThrow(message);
  });

  test('a weight that is quantized already', async () => {
    const { model } = await run(
      twins(),
      { targets: ['up'], weights: { groupSize: 16 } },
      batchesOf([8, width]),
    );
    expect(() => gptq.create(gptq.options.parse({ weights: { groupSize: 16 } })).plan(model)).toThrow(
      'up: its weight up.weight is quantized already (W4 g16 sym)',
    );
  });

  test('options out of bounds; every option has a description', () => {
    for (const options of [
      { damping: -1 },
      { weights: { bits: 1 } },
      { order: 'random' },
      { blocksize: 3 },
    ]) {
      expect(gptq.options.safeParse(options).success).toBe(false);
    }
    const schema = z.toJSONSchema(gptq.options, { io: 'input' });
    for (const option of Object.values(schema.properties ?? {})) expect(option).toHaveProperty('description');
  });
});
