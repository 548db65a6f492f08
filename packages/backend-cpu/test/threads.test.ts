import { execFileSync } from 'node:child_process';
import { randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { registerCpuBackend } from '../src/index.js';

describe('threads', () => {
  afterEach(() => {
    if (tf.findBackend('tamp-threads') !== null) tf.removeBackend('tamp-threads');
  });

  it('do not keep a process alive, asleep or not', () => {
    const code = `
      import * as tf from '@tensorflow/tfjs-core';
      import { registerCpuBackend } from '@tamp/backend-cpu';
      const { name, threads } = await registerCpuBackend({ threads: 3 });
      await tf.setBackend(name);
      const x = tf.ones([300, 300]);
      const y = await tf.matMul(x, x).data();
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log(threads, y[0]);
    `;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: 150_000,
    });
    expect(output.trim()).toBe('3 300');
  });

  it('give the same bits over many small runs, also when they have gone to sleep in between', async () => {
    const random = randomSource(61);
    const a = uniformValues(random, 96 * 80);
    const b = uniformValues(random, 80 * 130);
    await registerCpuBackend({ name: 'tamp-threads', threads: 4 });
    await tf.setBackend('tamp-threads');
    const x = tf.tensor2d(a, [96, 80]);
    const y = tf.tensor2d(b, [80, 130]);
    const run = async (): Promise<Float32Array> => {
      const product = tf.matMul(x, y);
      const values = await product.data<'float32'>();
      product.dispose();
      return values;
    };
    const first = await run();
    for (let i = 0; i < 60; i++) {
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await run()).toEqual(first);
    }
    tf.dispose([x, y]);
  });

  it('end with the backend, whose memory they leave as they found it', async () => {
    const { backend, threads } = await registerCpuBackend({ name: 'tamp-threads', threads: 2 });
    expect(threads).toBe(2);
    tf.removeBackend('tamp-threads');
    expect(tf.findBackend('tamp-threads')).toBeNull();
    // The control block stays: a thread may still be on its way out of it.
    expect(backend.runtime.heap.blocks).toBe(1);
  });
});
