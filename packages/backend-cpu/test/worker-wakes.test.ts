import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import { describe, expect, it } from 'vitest';
import { transpose } from '../src/kernels/matmul.js';
import { createMemory, Heap } from '../src/memory/heap.js';
import { threadPlatform } from '../src/threads/spawn-worker.js';
import { ThreadPool } from '../src/threads/thread-pool.js';
import { WorkerWakes } from '../src/threads/worker-wakes.js';
import { instantiateKernels } from '../src/wasm/kernel-exports.js';
import { compileKernels } from '../src/wasm/simd-variant.js';

describe('what waking a worker brings', () => {
  it('lets workers nap once waking brings too little, whether they wait or take the place of the caller', () => {
    const wakes = new WorkerWakes(2);
    for (const own of [16, 0, 15]) {
      expect(wakes.naps).toBe(0);
      wakes.observe(own, 16);
    }
    expect(wakes.naps).toBeGreaterThan(0);
  });

  it('changes its mind only after as many good wakes', () => {
    const wakes = new WorkerWakes(4);
    for (let i = 0; i < 20; i++) wakes.observe(32, 32);
    // A fourth of the workers' fair share, and of the caller's, is enough.
    for (const own of [26, 2, 8]) {
      expect(wakes.naps).toBeGreaterThan(0);
      wakes.observe(own, 32);
    }
    expect(wakes.naps).toBe(0);
    for (const own of [27, 1, 8, 27]) wakes.observe(own, 32);
    expect(wakes.naps).toBe(0);
    wakes.observe(1, 32);
    expect(wakes.naps).toBeGreaterThan(0);
  });

  it('changes no result: a pool whose workers nap leaves them to find runs by themselves', async () => {
    const memory = createMemory(true, 4 * 1024 * 1024);
    const module = await compileKernels('baseline', true);
    const kernels = await instantiateKernels(module, memory);
    const heap = new Heap(memory, kernels.heapBase());
    let woken = 0;
    const pool = new ThreadPool({
      // As though waking never brought help.
      kernels: {
        ...kernels,
        runShared(control, task, args, units, unitsPerChunk) {
          const own = kernels.runShared(control, task, args, units, unitsPerChunk);
          if (own < 0) return own;
          woken++;
          return Math.ceil(units / unitsPerChunk);
        },
      },
      heap,
      module,
      memory,
      threads: 3,
      platform: threadPlatform(),
    });
    expect(pool.threads).toBe(3);
    const [batch, rows, columns] = [50, 256, 320];
    const random = randomSource(88);
    const values = uniformValues(random, batch * rows * columns);
    const x = heap.allocate(values.byteLength);
    const out = heap.allocate(values.byteLength);
    heap.f32.set(values, x / 4);
    const run = (): void => {
      heap.f32.fill(Number.NaN, out / 4, out / 4 + values.length);
      transpose({ pool, kernels, heap, simd: 'baseline', sharedMemory: true }, x, out, batch, rows, columns);
      const actual = heap.f32.subarray(out / 4, out / 4 + values.length);
      expect(actual.includes(Number.NaN)).toBe(false);
      for (let i = 0; i < 200; i++) {
        const b = integer(random, 0, batch - 1);
        const r = integer(random, 0, rows - 1);
        const c = integer(random, 0, columns - 1);
        expect(actual[(b * columns + c) * rows + r]).toBe(values[(b * rows + r) * columns + c]);
      }
    };
    const idle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));
    // Until then workers sleep for long before 60 ms are over. (One that a busy machine did not let run counts for
    // nothing: hence more rounds than three.)
    for (let i = 0; i < 100 && woken < 3; i++) {
      await idle();
      run();
    }
    expect(woken).toBeGreaterThanOrEqual(3);
    // From then on they nap for 0.3 s or longer, and nobody wakes them.
    await idle();
    run();
    let unwoken = 0;
    for (let i = 0; i < 10; i++) {
      const before = woken;
      await idle();
      run();
      if (woken === before) unwoken++;
    }
    expect(unwoken).toBeGreaterThan(5);
    heap.free(x);
    heap.free(out);
    pool.dispose();
  });
});
