import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, it } from 'vitest';
import {
  createGraphBuilder,
  denseStorage,
  type Model,
  type Modifier,
  readParameter,
  runBasic,
  runDataFree,
  TampError,
} from '../../src/index.js';

beforeAll(() => tf.setBackend('cpu'));

function model(): Model {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 1] });
  builder.output('y', builder.apply('linear', [x, builder.parameter('w', [1, 1])]));
  return {
    graph: builder.build(),
    parameters: new Map([['w', { name: 'w', shape: [1, 1], storage: denseStorage(Float32Array.of(2)) }]]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

/** Sees the layer's largest output, then sets the weight to it. */
function takesLargest(log: number[]): Modifier {
  let largest = 0;
  return {
    needs: 'calibration',
    plan: () => ({ targets: [] }),
    observe: () => [
      {
        node: 'linear',
        async observe(value) {
          largest = Math.max(largest, ...(await value.data()));
        },
      },
    ],
    async rewrite(_region, editor) {
      log.push(largest);
      editor.setParameter({ name: 'w', shape: [1, 1], storage: denseStorage(Float32Array.of(largest)) });
    },
  };
}

const batches = {
  count: 2,
  batch: async (index: number) => ({ x: tf.tensor2d([[index + 1]]) }),
};

it('lets each modifier see data through the model as the one before it left it', async () => {
  const tensors = tf.memory().numTensors;
  const log: number[] = [];
  const result = await runBasic(
    model(),
    [
      { name: 'first', modifier: takesLargest(log) },
      { name: 'second', modifier: takesLargest(log) },
    ],
    batches,
  );
  // Inputs 1 and 2 through w = 2 give at most 4; through w = 4 at most 8.
  expect(log).toEqual([4, 8]);
  const w = result.model.parameters.get('w');
  expect(w && (await readParameter(w))).toEqual(Float32Array.of(8));
  expect(tf.memory().numTensors).toBe(tensors);
});

it('refuses a modifier that observes when there is no data', async () => {
  const run = runDataFree(model(), [{ name: 'first', modifier: takesLargest([]) }]);
  await expect(run).rejects.toThrow(/first: it observes values, and there is no calibration data/);
});

it('names the modifier in its errors, and keeps the kind of typed ones', async () => {
  const failing = (error: Error): Modifier => ({
    needs: 'nothing',
    plan: () => ({ targets: [] }),
    async rewrite() {
      throw error;
    },
  });
  const plain = runDataFree(model(), [{ name: 'mine', modifier: failing(new RangeError('index 7')) }]);
  await expect(plain).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/^mine: .*index 7/),
  });
  const typed = new TampError('NaN in the weight', { code: 'data', at: { layer: 'head' } });
  const run = runDataFree(model(), [{ name: 'mine', modifier: failing(typed) }]);
  await expect(run).rejects.toMatchObject({ code: 'data', message: 'mine, head: NaN in the weight.' });
});
