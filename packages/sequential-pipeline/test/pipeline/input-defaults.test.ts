import { createGraphBuilder, denseStorage, type Model, type Modifier } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { memoryStorage, runSequential } from '../../src/index.js';

beforeAll(() => tf.setBackend('cpu'));

/** y = W (x + offset), with W = 1. */
function model(): Model {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 1] });
  const offset = builder.input('offset', { dtype: 'float32', shape: [null, 1] });
  const shifted = builder.apply('add', [x, offset]);
  builder.output('y', builder.apply('linear', [shifted, builder.parameter('w', [1, 1])]));
  return {
    graph: builder.build(),
    parameters: new Map([['w', { name: 'w', shape: [1, 1], storage: denseStorage(Float32Array.of(1)) }]]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

function watching(seen: number[]): Modifier {
  return {
    needs: 'calibration',
    plan: () => ({ targets: [] }),
    observe: () => [{ node: 'linear', observe: async (value) => void seen.push(...(await value.data())) }],
  };
}

test('an input that a batch lacks has its default, which is kept once and stays the caller’s', async () => {
  const tensors = tf.memory().numTensors;
  const offset = tf.tensor2d([[10]]);
  const seen: number[] = [];
  const saved: number[] = [];
  const memory = memoryStorage();
  const storage = {
    ...memory,
    save: (bytes: Uint8Array) => {
      saved.push(bytes.byteLength);
      return memory.save(bytes);
    },
  };
  const data = {
    count: 3,
    // The last one brings its own.
    batch: async (index: number) => ({
      x: tf.tensor2d([[index]]),
      ...(index === 2 ? { offset: tf.tensor2d([[20]]) } : {}),
    }),
  };
  const modifiers = [{ name: 'watch', modifier: watching(seen) }];
  await runSequential(model(), modifiers, data, { inputDefaults: { offset }, storage });
  expect(seen).toEqual([10, 11, 22]);
  // Three samples, the default once, and the last one's own.
  expect(saved).toEqual([4, 4, 4, 4, 4]);
  expect([...(await offset.data())]).toEqual([10]);
  await expect(runSequential(model(), modifiers, data)).rejects.toThrow(/batch 1 lacks the input offset/);
  offset.dispose();
  expect(tf.memory().numTensors).toBe(tensors);
});
