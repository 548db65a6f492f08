import {
  affineStorage,
  createGraphBuilder,
  createModelRunner,
  isTampError,
  type Model,
  quantizeWeight,
} from '@tamp/core';
import { randomSource, uniformValues } from '@tamp/fixtures/random';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerWebGpuBackend } from '../src/index.js';
import { webGpuInNode } from './driver/node-webgpu.js';

const webgpu = await webGpuInNode();

const width = 64;

/** Three quantized layers, so that something is left to be done after the first. */
function layers(): Model {
  const builder = createGraphBuilder();
  let value = builder.input('x', { dtype: 'float32', shape: [null, width] });
  const scheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } } as const;
  const values = uniformValues(randomSource(7), width * width);
  const storage = affineStorage(quantizeWeight(values, width, width, scheme), scheme, [width, width]);
  const names = ['a', 'b', 'c'];
  for (const name of names) value = builder.apply('linear', [value, builder.parameter(name, [width, width])]);
  builder.output('y', value);
  return {
    graph: builder.build(),
    parameters: new Map(names.map((name) => [name, { name, shape: [width, width], storage }])),
    architecture: 'Test',
    config: {},
    assets: new Map(),
  };
}

async function run(model: Model): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const x = tf.ones([1, width]);
  try {
    const { y } = await runner.run({ x });
    const values = await y.data<'float32'>();
    y.dispose();
    return values;
  } finally {
    x.dispose();
    runner.dispose();
  }
}

describe.skipIf('missing' in webgpu)('the device', () => {
  beforeEach(async () => {
    const { name } = await registerWebGpuBackend();
    await tf.setBackend(name);
  });

  it('when it is lost while a model runs: one clear error, nothing is left, and a new one works', async () => {
    const model = layers();
    const expected = await run(model);
    const { backend, lost } = await registerWebGpuBackend();
    const before = tf.memory().numTensors;
    const runner = createModelRunner(model);
    const x = tf.ones([1, width]);
    const operators = model.graph.nodes.filter(({ kind }) => kind === 'operator');
    const second = operators[1].name;
    const observe = new Map([
      [
        second,
        async () => {
          backend.device.destroy();
          await lost;
        },
      ],
    ]);
    const failure: unknown = await runner.run({ x }, { observe }).catch((error: unknown) => error);
    expect(isTampError(failure) && failure.message).toMatch(
      /^the GPU device was lost, and what was on it\. Dispose of what was loaded, call .*registerWebGpuBackend\(\)/,
    );
    expect(failure).toBe(await lost);
    // Not only tamp's kernels: all that would run on the device.
    const matrix = tf.ones([width, width]);
    expect(() => tf.matMul(matrix, matrix)).toThrow(String(isTampError(failure) && failure.message));
    matrix.dispose();
    runner.dispose();
    x.dispose();
    expect(tf.memory().numTensors).toBe(before);

    tf.removeBackend('webgpu');
    const { name } = await registerWebGpuBackend();
    await tf.setBackend(name);
    expect(await run(model)).toEqual(expected);
  });

  it('when it is lost while a result is read: the read fails with the same error', async () => {
    const { backend, lost } = await registerWebGpuBackend();
    const product = tf.matMul(tf.ones([width, width]), tf.ones([width, width]));
    const reading = product.data();
    backend.device.destroy();
    await expect(reading).rejects.toBe(await lost);
    product.dispose();
    tf.removeBackend('webgpu');
  });

  it('when the GPU refuses a call: the read fails instead of giving zeros', async () => {
    const { backend } = await registerWebGpuBackend();
    const tooLarge = backend.device.limits.maxStorageBufferBindingSize + 256;
    // Nothing is put into the buffer: only a program that would fill it is recorded.
    const huge = tf.fill([tooLarge / 4], 1);
    const part = tf.slice(huge, [0], [4]);
    await expect(part.data()).rejects.toThrow(/WebGPU refused a call|GPU memory is full/);
    tf.dispose([huge, part]);
    // The failure is reported once; what is computed afterwards is right.
    expect([...(await tf.add([1], [2]).data())]).toEqual([3]);
  });

  it('is one for calls at the same time, and freed with the backend', async () => {
    tf.removeBackend('webgpu');
    const [a, b] = await Promise.all([registerWebGpuBackend(), registerWebGpuBackend()]);
    expect(a.backend).toBe(b.backend);
    expect((await registerWebGpuBackend()).backend).toBe(a.backend);
    const lost = vi.fn();
    void a.lost.then(lost);
    tf.removeBackend('webgpu');
    expect((await a.backend.device.lost).reason).toBe('destroyed');
    expect(lost).not.toHaveBeenCalled();
  });

  it("refuses to replace tfjs's own backend in use", async () => {
    tf.removeBackend('webgpu');
    const adapter = await navigator.gpu.requestAdapter();
    const own = await adapter?.requestDevice();
    if (own === undefined) throw new Error('no device');
    tf.registerBackend('webgpu', () => new WebGPUBackend(own, adapter?.info));
    await tf.setBackend('webgpu');
    await expect(registerWebGpuBackend()).rejects.toThrow(/tfjs has started its own WebGPU backend already/);
    tf.removeBackend('webgpu');
    own.destroy();
  });
});

describe('without WebGPU', () => {
  afterEach(() => vi.unstubAllGlobals());

  const start = (gpu: object | undefined): Promise<unknown> => {
    vi.stubGlobal('navigator', { gpu });
    return registerWebGpuBackend();
  };

  it.each([
    [
      'WebGPU itself is missing',
      undefined,
      /there is no WebGPU here\. Use a current browser.*@tamp\/backend-cpu\.$/,
    ],
    [
      'there is no adapter',
      { requestAdapter: async () => null },
      /finds no adapter\. Update the graphics driver.*@tamp\/backend-cpu\.$/,
    ],
    [
      'the adapter gives no device',
      {
        requestAdapter: async () => ({
          features: new Set(),
          limits: {},
          info: { vendor: 'acme' },
          requestDevice: () => Promise.reject(new Error('busy')),
        }),
      },
      /gives no device of acme\. Close other pages/,
    ],
  ])('one error says that %s, and what to do', async (_case, gpu, message) => {
    if (tf.engine().registry.webgpu !== undefined) tf.removeBackend('webgpu');
    await expect(start(gpu)).rejects.toThrow(message);
    await expect(start(gpu)).rejects.toMatchObject({ name: 'TampError', code: 'unsupported' });
  });
});
