import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ByteSource,
  bytesOf,
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type Model,
  type Parameter,
} from '../../src/index.js';

/** x · wᵀ twice with one weight, then the sum with x; the weight counts how often it is read. */
function tiedModel(): { model: Model; reads: () => number } {
  let reads = 0;
  const bytes = bytesOf(Float32Array.of(1, 2, 3, 4));
  const counted: ByteSource = {
    ...bytes,
    read(start, end) {
      reads++;
      return bytes.read(start, end);
    },
  };
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 2] });
  const w = builder.parameter('w', [2, 2]);
  const once = builder.apply('linear', [x, w]);
  const twice = builder.apply('linear', [once, w]);
  builder.output('once', once);
  builder.output('sum', builder.apply('add', [twice, x]));
  const parameter: Parameter = {
    name: 'w',
    shape: [2, 2],
    storage: { kind: 'dense', dtype: 'float32', bytes: counted },
  };
  const model: Model = {
    graph: builder.build(),
    parameters: new Map([['w', parameter]]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
  return { model, reads: () => reads };
}

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

describe('createModelRunner', () => {
  it('computes outputs by name and reads a tied parameter once, at its first use', async () => {
    const { model, reads } = tiedModel();
    const runner = createModelRunner(model);
    expect(reads()).toBe(0);
    const x = tf.tensor2d([[1, 10]]);
    for (let run = 0; run < 2; run++) {
      const { once, sum } = await runner.run({ x });
      // [1, 10] · [[1, 2], [3, 4]]ᵀ = [21, 43]; again: [107, 235]; all exact in float32.
      expect(Array.from(await once.data())).toEqual([21, 43]);
      expect(Array.from(await sum.data())).toEqual([108, 245]);
      tf.dispose([once, sum]);
    }
    expect(reads()).toBe(1);
    runner.dispose();
    x.dispose();
  });

  it('computes only what the wanted outputs and the observers need', async () => {
    const unreadable: ByteSource = {
      label: 'head',
      byteLength: 16,
      read: () => Promise.reject(new Error('the head was read')),
    };
    const builder = createGraphBuilder();
    const x = builder.input('x', { dtype: 'float32', shape: [null, 2] });
    const first = builder.apply('linear', [x, builder.parameter('w', [2, 2])]);
    const second = builder.apply('relu', [first]);
    builder.output('once', second);
    builder.output('logits', builder.apply('linear', [second, builder.parameter('head', [2, 2])]));
    const model: Model = {
      ...tiedModel().model,
      graph: builder.build(),
      parameters: new Map(
        [bytesOf(Float32Array.of(1, 2, 3, 4)), unreadable].map((bytes, i): [string, Parameter] => {
          const name = i === 0 ? 'w' : 'head';
          return [name, { name, shape: [2, 2], storage: { kind: 'dense', dtype: 'float32', bytes } }];
        }),
      ),
    };
    const runner = createModelRunner(model);
    const fed = tf.tensor2d([[1, 10]]);
    const seen: string[] = [];
    const see = (name: string) => [name, () => void seen.push(name)] as const;

    const outputs = await runner.run({ x: fed }, { outputs: ['once'], observe: new Map([see('x')]) });
    expect(Object.keys(outputs)).toEqual(['once']);
    outputs.once.dispose();
    expect(await runner.run({ x: fed }, { outputs: [], observe: new Map([see('linear')]) })).toEqual({});
    expect(seen).toEqual(['x', 'linear']);
    await expect(runner.run({ x: fed })).rejects.toThrow('the head was read');
    runner.dispose();
    fed.dispose();
  });

  it('waits for observers, which read values asynchronously', async () => {
    const { model } = tiedModel();
    const runner = createModelRunner(model);
    const x = tf.tensor2d([[1, 10]]);
    const values: number[][] = [];
    const outputs = await runner.run(
      { x },
      {
        observe: new Map([
          [
            'linear_1',
            async (value: tf.Tensor) => {
              await new Promise((resolve) => setTimeout(resolve, 1));
              values.push(Array.from(await value.data()));
            },
          ],
        ]),
      },
    );
    expect(values).toEqual([[107, 235]]);
    tf.dispose([...Object.values(outputs), x]);
    runner.dispose();
  });

  it('frees everything when an observer throws', async () => {
    const { model } = tiedModel();
    const runner = createModelRunner(model);
    const x = tf.tensor2d([[1, 10]]);
    const observe = new Map([
      [
        'linear_1',
        () => {
          throw new Error('stop here');
        },
      ],
    ]);
    await expect(runner.run({ x }, { observe })).rejects.toThrow('stop here');
    runner.dispose();
    x.dispose();
  });

  it('stops when it is aborted', async () => {
    const { model } = tiedModel();
    const runner = createModelRunner(model);
    const x = tf.tensor2d([[1, 10]]);
    const controller = new AbortController();
    const observe = new Map([['linear', () => controller.abort()]]);
    await expect(runner.run({ x }, { observe, signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    runner.dispose();
    x.dispose();
  });

  it('names a missing or misshapen input', async () => {
    const runner = createModelRunner(tiedModel().model);
    await expect(runner.run({})).rejects.toThrow('needs an input named x');
    const x = tf.tensor2d([[1, 2, 3]]);
    await expect(runner.run({ x })).rejects.toThrow('input x has shape [1, 3], not [any, 2]');
    runner.dispose();
    x.dispose();
  });

  it('names an input of another dtype and an output that the model lacks', async () => {
    const runner = createModelRunner(tiedModel().model);
    const integers = tf.tensor2d([[1, 2]], [1, 2], 'int32');
    await expect(runner.run({ x: integers })).rejects.toThrow('input x is int32, not float32');
    const x = tf.tensor2d([[1, 2]]);
    await expect(runner.run({ x }, { outputs: ['sums'] })).rejects.toThrow(
      'no output named sums. Its outputs: once, sum.',
    );
    tf.dispose([integers, x]);
  });

  it('reads a parameter once for runs at the same time', async () => {
    const { model, reads } = tiedModel();
    const runner = createModelRunner(model);
    const x = tf.tensor2d([[1, 10]]);
    const results = await Promise.all([runner.run({ x }), runner.run({ x })]);
    for (const { sum } of results) expect(Array.from(await sum.data())).toEqual([108, 245]);
    expect(reads()).toBe(1);
    tf.dispose([x, ...results.flatMap((result) => Object.values(result))]);
    runner.dispose();
  });

  it('can try again after a parameter could not be read', async () => {
    const { model } = tiedModel();
    let attempts = 0;
    const flaky: ByteSource = {
      label: 'flaky',
      byteLength: 16,
      async read() {
        if (attempts++ === 0) throw new Error('unplugged');
        return new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
      },
    };
    const w: Parameter = {
      name: 'w',
      shape: [2, 2],
      storage: { kind: 'dense', dtype: 'float32', bytes: flaky },
    };
    const runner = createModelRunner({ ...model, parameters: new Map([['w', w]]) });
    const x = tf.tensor2d([[1, 10]]);
    await expect(runner.run({ x })).rejects.toThrow('unplugged');
    const { once } = await runner.run({ x }, { outputs: ['once'] });
    expect(Array.from(await once.data())).toEqual([21, 43]);
    tf.dispose([x, once]);
    runner.dispose();
  });

  it('names a parameter that the model lacks', async () => {
    const { model } = tiedModel();
    const runner = createModelRunner({ ...model, parameters: new Map() });
    const x = tf.tensor2d([[1, 10]]);
    await expect(runner.run({ x })).rejects.toThrow('lacks the parameter w');
    x.dispose();
  });

  it('keeps a fed input that is also an output alive for both', async () => {
    const builder = createGraphBuilder();
    builder.output('y', builder.input('x', { dtype: 'float32', shape: [null] }));
    const w: Parameter = { name: 'w', shape: [1], storage: denseStorage(Float32Array.of(1)) };
    const model: Model = {
      graph: builder.build(),
      parameters: new Map([['w', w]]),
      architecture: 'test',
      config: {},
      assets: new Map(),
    };
    const x = tf.tensor1d([1, 2]);
    const { y } = await createModelRunner(model).run({ x });
    y.dispose();
    expect(Array.from(await x.data())).toEqual([1, 2]);
    x.dispose();
  });
});
