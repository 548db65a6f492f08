import { availableParallelism } from 'node:os';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerCpuBackend, supportedSimdVariants } from '../src/index.js';
import { defineKernel } from '../src/kernels/kernel-call.js';

const name = 'tamp-registered';

beforeEach(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  if (tf.findBackend(name) !== null) tf.removeBackend(name);
});
expectNoTensorLeaks();

describe('registerCpuBackend', () => {
  it('refuses bad options with one clear error', async () => {
    for (const threads of [0, -1, 1.5, Number.NaN]) {
      await expect(registerCpuBackend({ name, threads })).rejects.toThrow(
        `threads is ${threads}, not a whole number from 1 up`,
      );
    }
    for (const bad of ['tamp_bad', '']) {
      await expect(registerCpuBackend({ name: bad })).rejects.toThrow(`"${bad}" cannot name a backend`);
      expect(tf.findBackend(bad)).toBeNull();
    }
    await expect(registerCpuBackend({ name: 'cpu' })).rejects.toThrow(/another backend/);
    expect(tf.findBackend(name)).toBeNull();
  });

  it('refuses SIMD that the engine lacks', async () => {
    const supported = await supportedSimdVariants();
    for (const simd of ['baseline', 'relaxed', 'relaxed-wide'] as const) {
      const registered = registerCpuBackend({ name, simd, threads: 1 });
      if (supported.includes(simd)) {
        expect((await registered).simd).toBe(simd);
        tf.removeBackend(name);
      } else {
        await expect(registered).rejects.toThrow(`This engine lacks ${simd} SIMD or computes it wrongly`);
      }
    }
  });

  it('takes the best SIMD and a thread for each core, at most 8, unless told otherwise', async () => {
    const { simd, threads, backend } = await registerCpuBackend({ name });
    expect(simd).toBe((await supportedSimdVariants()).at(-1));
    expect(threads).toBe(Math.min(availableParallelism(), 8));
    expect(backend.runtime.sharedMemory).toBe(threads > 1);
  });

  it('gives the backend that is there when called again, whatever the options', async () => {
    const first = await registerCpuBackend({ name, threads: 1 });
    expect(await registerCpuBackend({ name, threads: 2 })).toEqual(first);
    expect(tf.findBackend(name)).toBe(first.backend);
    tf.removeBackend(name);
    const second = await registerCpuBackend({ name, threads: 2 });
    expect(second.backend).not.toBe(first.backend);
    expect(second.threads).toBe(2);
  });

  it('gives the same backend to all who ask before it is there; after a failure the next may try again', async () => {
    const [first, second] = await Promise.all([
      registerCpuBackend({ name, threads: 2 }),
      registerCpuBackend({ name, threads: 2 }),
    ]);
    expect(second.backend).toBe(first.backend);
    expect(tf.findBackend(name)).toBe(first.backend);
    tf.removeBackend(name);
    await expect(registerCpuBackend({ name, threads: 0 })).rejects.toThrow('threads is 0');
    expect((await registerCpuBackend({ name, threads: 1 })).threads).toBe(1);
  });

  it('comes before tfjs’s cpu backend and after those of GPUs', async () => {
    await registerCpuBackend({ name, threads: 1 });
    const { registryFactory } = tf.engine();
    expect(registryFactory[name]?.priority).toBeGreaterThan(registryFactory.cpu?.priority ?? Infinity);
    // webgl has 2, webgpu 3.
    expect(registryFactory[name]?.priority).toBeLessThan(2);
  });
});

describe('tensors of other kinds', () => {
  it('complex numbers and strings are read as tfjs keeps them', async () => {
    await registerCpuBackend({ name, threads: 1 });
    await tf.setBackend(name);
    const [real, imaginary] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4])];
    // In the heap, as a kernel of this backend leaves them.
    const doubled = tf.mul(real, 2);
    const complex = tf.complex(doubled, imaginary);
    expect([...(await complex.data())]).toEqual([2, 3, 4, 4]);
    const text = tf.tensor1d(['a', 'b']);
    expect(await text.data()).toEqual(['a', 'b']);
    expect(() => tf.engine().runKernel('TampWidenBfloat16', { bits: text }, { length: 2 })).toThrow(
      'A string tensor cannot be read as int32',
    );
    tf.dispose([real, imaginary, doubled, complex, text]);
  });

  it('those that come from another backend live until their last user is gone', async () => {
    const { backend } = await registerCpuBackend({ name, threads: 1 });
    const { heap } = backend.runtime;
    const blocks = heap.blocks;
    const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const flat = tf.reshape(matrix, [4]);
    await tf.setBackend(name);
    tf.matMul(matrix, matrix).dispose();
    matrix.dispose();
    expect([...(await flat.data())]).toEqual([1, 2, 3, 4]);
    flat.dispose();
    expect(heap.blocks).toBe(blocks);
  });
});

it('a kernel that fails frees its results and its temporary blocks', async () => {
  const { backend } = await registerCpuBackend({ name, threads: 1 });
  await tf.setBackend(name);
  const { heap } = backend.runtime;
  const blocks = heap.blocks;
  tf.registerKernel(
    defineKernel('TampFailing', name, (call) => {
      call.output([100], 'float32');
      call.temporaries.allocate(400);
      expect(heap.blocks).toBe(blocks + 2);
      call.number('missing');
      throw new Error('a missing number is refused');
    }),
  );
  expect(() => tf.engine().runKernel('TampFailing', {}, {})).toThrow(
    'the kernel TampFailing needs the number missing',
  );
  tf.unregisterKernel('TampFailing', name);
  expect(heap.blocks).toBe(blocks);
});
