import {
  affineStorage,
  type CalibrationBatches,
  createGraphBuilder,
  denseStorage,
  type Model,
  type Modifier,
  quantizeWeight,
  Random,
  readParameter,
} from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { runSequential, type SequentialOptions } from '../../src/index.js';
import { batches, blockModel, halve } from '../models/blocks.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

/** Three rows each, the last one only two. */
function uneven(count: number): CalibrationBatches {
  return batches(count, (values, index) => (index === count - 1 ? values.slice(0, 12) : values));
}

async function halved(model: Model, options: SequentialOptions, data: CalibrationBatches = uneven(5)) {
  const { modifier, seen } = halve();
  const result = await runSequential(model, [{ name: 'halve', modifier }], data, options);
  const values = await Promise.all([...result.model.parameters.values()].map(readParameter));
  return { seen, values };
}

test('modifiers see the same values batch by batch, in the same order, and the result is the same', async () => {
  const alone = await halved(blockModel().model, {});
  for (const batchesTogether of [2, 4, 5, 64]) {
    expect(await halved(blockModel().model, { batchesTogether })).toEqual(alone);
    expect(await halved(blockModel().model, { batchesTogether, propagateError: false })).toEqual(
      await halved(blockModel().model, { propagateError: false }),
    );
  }
});

/** Batches that go through at a time, by what each step of calibrating says is done. */
async function steps(model: Model, data: CalibrationBatches, options: SequentialOptions): Promise<number[]> {
  const done: number[] = [];
  const onProgress: SequentialOptions['onProgress'] = (event) => {
    if (event.phase === 'calibrate') done.push(event.done);
  };
  const watch: Modifier = {
    needs: 'calibration',
    plan: () => ({ targets: [] }),
    observe: ({ nodes }) =>
      [...nodes].filter((node) => node.endsWith('linear')).map((node) => ({ node, observe: () => {} })),
  };
  await runSequential(model, [{ name: 'watch', modifier: watch }], data, { ...options, onProgress });
  return done;
}

/** y = W · x with one linear operator, of its own kind. */
function oneLayer(
  operator: 'linear' | 'int8_linear',
  attributes: Parameters<ReturnType<typeof createGraphBuilder>['apply']>[2],
  inputs: readonly (readonly (number | null)[])[] = [[null, 4]],
): Model {
  const builder = createGraphBuilder();
  const [x, ...others] = inputs.map((shape, i) =>
    builder.input(['x', 'offset'][i], { dtype: 'float32', shape }),
  );
  const shifted = others.reduce((sum, other) => builder.apply('add', [sum, other]), x);
  const w = builder.parameter('w', [4, 4]);
  builder.output('y', builder.apply(operator, [shifted, w], attributes));
  const values = new Random(1).fillNormal(new Float32Array(16));
  const scheme = { bits: 8, symmetric: true, granularity: { kind: 'channel' } } as const;
  const storage =
    operator === 'linear'
      ? denseStorage(values)
      : affineStorage(quantizeWeight(values, 4, 4, scheme), scheme, [4, 4]);
  return {
    graph: builder.build(),
    parameters: new Map([['w', { name: 'w', shape: [4, 4], storage }]]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

/** Each batch ten times as loud as the one before. */
const louder: CalibrationBatches = {
  count: 4,
  batch: async (index) => ({ x: tf.randomNormal([2, 4], 0, 10 ** index, 'float32', index + 1) }),
};

test('batches flow together', async () => {
  expect(await steps(oneLayer('linear', {}), louder, { batchesTogether: 3 })).toEqual([3, 4]);
});

test('not where a scale that samples share would depend on which are together', async () => {
  const int8 = (kind: string) => oneLayer('int8_linear', { activation: { kind, reduceRange: false } });
  expect(await steps(int8('token'), louder, { batchesTogether: 4 })).toEqual([4]);
  expect(await steps(int8('tensor'), louder, { batchesTogether: 4 })).toEqual([1, 2, 3, 4]);
});

test('not where a value has no dimension for samples, or one row for all of them', async () => {
  const offset = tf.ones([1, 4]);
  const options = { batchesTogether: 4, inputDefaults: { offset } };
  const shapes = [
    [
      [null, 4],
      [1, 4],
    ],
    [
      [null, 4],
      [null, 4],
    ],
  ];
  for (const inputs of shapes) {
    const model = oneLayer('linear', {}, inputs);
    const seen: number[][] = [];
    for (const batchesTogether of [1, 4]) {
      const values: number[] = [];
      const observe = async (value: tf.Tensor): Promise<void> => void values.push(...(await value.data()));
      const watch: Modifier = {
        needs: 'calibration',
        plan: () => ({ targets: [] }),
        observe: () => [{ node: 'linear', observe }],
      };
      await runSequential(model, [{ name: 'watch', modifier: watch }], louder, {
        ...options,
        batchesTogether,
      });
      seen.push(values);
    }
    expect(seen[1]).toEqual(seen[0]);
  }
  offset.dispose();
});

test('an overflow names the batch that it comes from', async () => {
  const { model } = blockModel();
  const data = batches(4, (values, i) => (i === 2 ? values.fill(3e38) : values));
  const { modifier } = halve();
  const run = runSequential(model, [{ name: 'halve', modifier }], data, { batchesTogether: 4 });
  await expect(run).rejects.toThrow(/its output is (-?Infinity|NaN) for calibration batch 3/);
});

test.each([0, 1.5])('%s batches together are refused', async (batchesTogether) => {
  const run = runSequential(blockModel().model, [], uneven(1), { batchesTogether });
  await expect(run).rejects.toThrow(`${batchesTogether} calibration batches together are not possible`);
});
