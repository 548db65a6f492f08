import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import {
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type Model,
  type Parameter,
  Random,
  readParameter,
  runDataFree,
  storedBytes,
} from '@tamp/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import weightOnly, { quantizeWeights, type WeightOnlyOptions } from '../src/index.js';

/** Two layers, 192 and 24 wide; `change` may spoil the second weight. */
function twoLayers(change: (weight: Float32Array) => void = () => {}): Model {
  const random = new Random(7);
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const weight = (name: string, rows: number, columns: number) => {
    const values = random.fillNormal(new Float32Array(rows * columns));
    if (name === 'down.weight') change(values);
    parameters.set(name, { name, shape: [rows, columns], storage: denseStorage(values) });
    return builder.parameter(name, [rows, columns]);
  };
  const x = builder.input('x', { dtype: 'float32', shape: [null, 192] });
  const up = builder.scope('up', 'Linear', () => builder.apply('linear', [x, weight('up.weight', 24, 192)]));
  const act = builder.apply('relu', [up]);
  const down = builder.scope('down', 'Linear', () =>
    builder.apply('linear', [act, weight('down.weight', 10, 24)]),
  );
  builder.output('y', down);
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}

function planned(options: WeightOnlyOptions) {
  const modifier = weightOnly.create(weightOnly.options.parse(options));
  return modifier.plan(twoLayers()).targets;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('options', () => {
  test('without any: 4 bits, symmetric, groups of 128, refused with what divides where that does not fit', () => {
    expect(() => planned({ ignore: ['down'] })).toThrow(
      "up: the group size 128 does not divide the layer's width of 192. Choose 96 or 192,",
    );
  });

  test('8 bits go by channel unless a group size is given', () => {
    expect(planned({ weights: { bits: 8 } }).map(({ scheme }) => scheme)).toEqual([
      'W8 channel sym',
      'W8 channel sym',
    ]);
    expect(planned({ weights: { bits: 8, groupSize: 8 } })[0].scheme).toBe('W8 g8 sym');
  });

  test('an override changes what it names and inherits the rest', () => {
    const targets = planned({
      weights: { bits: 3, groupSize: 24, symmetric: false },
      overrides: [
        { targets: ['down'], weights: { bits: 6 } },
        { targets: ['re:do'], weights: { granularity: 'channel' } },
      ],
    });
    expect(targets.map(({ scheme }) => scheme)).toEqual(['W3 g24 asym', 'W6 channel asym']);
  });

  test.each([
    [{ bits: 4 }, /"bits"/],
    [{ weights: { bits: 9 } }, /weights\.bits/],
    [
      { weights: { granularity: 'channel', groupSize: 8 } },
      /weights\.groupSize: groupSize goes with granularity group/,
    ],
    [{ rangeSearch: { observer: 'mse', maxShrink: 1 } }, /rangeSearch\.maxShrink/],
    [{ targets: ['up', 'sideways'], weights: { groupSize: 8 } }, /the target sideways matches nothing/],
    [
      { targets: ['up'], overrides: [{ targets: ['down'], weights: {} }], weights: { groupSize: 8 } },
      /the target down matches nothing/,
    ],
    [
      { weights: { groupSize: 16 } },
      /^@tamp\/weight-only, down: the group size 16 does not divide|^down: the group size 16/,
    ],
  ])('%j is refused before any work', async (options, message) => {
    await expect(quantizeWeights(twoLayers(), options as WeightOnlyOptions)).rejects.toThrow(message);
  });

  test('the schema makes a JSON schema, with a description for every option', () => {
    const schema = z.toJSONSchema(weightOnly.options, { io: 'input' });
    for (const option of Object.values(schema.properties ?? {})) {
      expect(option).toHaveProperty('description');
    }
  });
});

describe('what it does', () => {
  const schemes: readonly WeightOnlyOptions[] = [2, 3, 4, 5, 6, 7, 8].flatMap((bits) =>
    [true, false].flatMap((symmetric) =>
      (['group', 'channel', 'tensor'] as const).map((granularity) => ({
        weights: { bits, symmetric, granularity, ...(granularity === 'group' ? { groupSize: 8 } : {}) },
      })),
    ),
  );

  test('plans exactly the bytes that it then stores, and reports the error that is there', async () => {
    const model = twoLayers();
    for (const scaleDtype of ['float32', 'float16', 'bfloat16'] as const) {
      for (const options of schemes) {
        const { model: after, layers } = await quantizeWeights(model, { ...options, scaleDtype });
        expect(layers.map(({ bytesAfter }) => bytesAfter)).toEqual(
          planned({ ...options, scaleDtype }).map(({ bytesAfter }) => bytesAfter),
        );
        for (const { parameter: name, bytesBefore, bytesAfter, relativeError, figures } of layers) {
          const [before, now] = [model.parameters.get(name), after.parameters.get(name)];
          if (before === undefined || now === undefined) throw new Error(`${name} is gone`);
          expect([bytesBefore, bytesAfter]).toEqual([storedBytes(before.storage), storedBytes(now.storage)]);
          const [w, q] = [await readParameter(before), await readParameter(now)];
          const noise = w.reduce((sum, value, i) => sum + (value - q[i]) ** 2, 0);
          const signal = w.reduce((sum, value) => sum + value ** 2, 0);
          // Sums of a few thousand doubles in the same order: equal but for the last bits of the square root.
          expect(relativeError).toBeCloseTo(Math.sqrt(noise / signal), 12);
          expect(figures?.mse).toBeCloseTo(noise / w.length, 12);
        }
      }
    }
  });

  test('range search lowers the error of every layer at 3 and 4 bits', async () => {
    for (const bits of [3, 4]) {
      const weights = { bits, groupSize: 24 };
      const nearest = await quantizeWeights(twoLayers(), { weights });
      const searched = await quantizeWeights(twoLayers(), { weights, rangeSearch: { observer: 'mse' } });
      for (const [i, { relativeError = 1 }] of searched.layers.entries()) {
        expect(relativeError).toBeLessThan(0.95 * (nearest.layers[i].relativeError ?? 0));
      }
    }
  });

  test('the quantized model computes with the packed weights what their float values give', async () => {
    const before = tf.memory().numTensors;
    const { model } = await quantizeWeights(twoLayers(), { weights: { groupSize: 24 } });
    const dense: Model = {
      ...model,
      parameters: new Map(
        await Promise.all(
          [...model.parameters].map(async ([key, parameter]) => {
            const storage = denseStorage(await readParameter(parameter));
            return [key, { ...parameter, storage }] as const;
          }),
        ),
      ),
    };
    const x = tf.tensor2d(new Random(3).fillNormal(new Float32Array(5 * 192)), [5, 192]);
    const results: Float32Array[] = [];
    for (const each of [model, dense]) {
      const runner = createModelRunner(each);
      const { y } = await runner.run({ x });
      results.push(Float32Array.from(await y.data()));
      y.dispose();
      runner.dispose();
    }
    x.dispose();
    const scale = results[1].reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    // Float32 sums of 192 products in another order.
    results[1].forEach((value, i) => {
      expect(Math.abs(results[0][i] - value)).toBeLessThan(1e-5 * scale);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  test('int8 blocks: linear layers say so, and their output stays within the rounding of 8 bits', async () => {
    const float = await quantizeWeights(twoLayers(), { weights: { groupSize: 24 } });
    const blocks = await quantizeWeights(twoLayers(), {
      weights: { groupSize: 24 },
      activation: 'int8-block',
    });
    expect(blocks.layers.map(({ scheme }) => scheme)).toEqual([
      'W4 g24 sym, A8 blocks',
      'W4 g24 sym, A8 blocks',
    ]);
    const x = tf.tensor2d(new Random(3).fillNormal(new Float32Array(5 * 192)), [5, 192]);
    const [a, b] = await Promise.all(
      [float.model, blocks.model].map(async (each) => {
        const runner = createModelRunner(each);
        const { y } = await runner.run({ x });
        const values = Float32Array.from(await y.data());
        y.dispose();
        runner.dispose();
        return values;
      }),
    );
    x.dispose();
    const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
    const error = norm(Float32Array.from(a, (value, i) => value - b[i])) / norm(a);
    // A step of 1/127 of each block's maximum: about 0.6% of a normal block's norm, twice in a row.
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(0.03);
  });
});

describe('what it refuses', () => {
  test('a weight with a value that is not finite, naming the layer', async () => {
    const model = twoLayers((weight) => {
      weight[30] = Number.NaN;
    });
    await expect(quantizeWeights(model, { weights: { groupSize: 24 } })).rejects.toThrow(
      '@tamp/weight-only, down: the value at row 1, column 6 is NaN',
    );
  });

  test('a weight that is quantized already, when planning and when another modifier came in between', async () => {
    const { model } = await quantizeWeights(twoLayers(), { targets: ['up'], weights: { groupSize: 24 } });
    await expect(quantizeWeights(model, { weights: { groupSize: 24 } })).rejects.toThrow(
      'up: its weight up.weight is quantized already (W4 g24 sym). Start from the float model, or leave the layer out with ignore: [up].',
    );
    const [first, second] = [0, 1].map(() =>
      weightOnly.create(weightOnly.options.parse({ weights: { groupSize: 24 } })),
    );
    const named = [first, second].map((modifier) => ({ name: weightOnly.name, modifier }));
    await expect(runDataFree(twoLayers(), named)).rejects.toThrow('is quantized already');
  });

  test('to go on after an abort', async () => {
    const controller = new AbortController();
    const done: string[] = [];
    const run = quantizeWeights(
      twoLayers(),
      { weights: { groupSize: 24 } },
      {
        signal: controller.signal,
        onLayer: ({ layer }) => {
          done.push(layer);
          controller.abort();
        },
      },
    );
    await expect(run).rejects.toThrow(/abort/i);
    expect(done).toEqual(['up']);
  });
});
