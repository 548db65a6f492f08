import { TampError } from '@tamp/core';
import { createMemory, Heap } from '../memory/heap.js';
import { keepFreedMemory } from '../memory/keep-freed-memory.js';
import { threadPlatform } from '../threads/spawn-worker.js';
import { ThreadPool } from '../threads/thread-pool.js';
import { instantiateKernels, type KernelExports } from '../wasm/kernel-exports.js';
import { compileKernels, type SimdVariant, supportedSimdVariants } from '../wasm/simd-variant.js';

/** How the kernels run. */
export interface RuntimeOptions {
  /**
   * Threads in all, the calling one among them; by default one per core, at most 8. Where there are no threads (a
   * page's main thread, a page that is not cross-origin isolated, Node before 20.16) it is 1 whatever is asked.
   */
  readonly threads?: number;
  /** Which SIMD instructions; by default the best that a run with known answers shows to work. */
  readonly simd?: SimdVariant;
}

/** A kernel module over its own memory, with its threads. */
export interface Runtime {
  readonly kernels: KernelExports;
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly simd: SimdVariant;
  readonly sharedMemory: boolean;
}

const INITIAL_BYTES = 4 * 1024 * 1024;
const MAX_DEFAULT_THREADS = 8;

/**
 * Starts a runtime.
 *
 * @throws TampError (`usage`) for a thread count that is not a positive whole number, (`unsupported`) when relaxed
 * SIMD was asked for and this engine lacks it or computes it wrongly
 */
export async function createRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  if (options.threads !== undefined && !(Number.isInteger(options.threads) && options.threads >= 1)) {
    throw new TampError(`threads is ${options.threads}, not a whole number from 1 up`, { code: 'usage' });
  }
  const variants = options.simd === 'baseline' ? (['baseline'] as const) : await supportedSimdVariants();
  const simd = options.simd ?? variants.at(-1) ?? 'baseline';
  if (!variants.includes(simd)) {
    throw new TampError(`This engine lacks ${simd} SIMD or computes it wrongly`, {
      code: 'unsupported',
      remedy: 'Leave the option `simd` out, or use Node 22 or a current browser.',
    });
  }
  const platform = threadPlatform();
  const threads =
    platform === undefined ? 1 : (options.threads ?? Math.min(platform.parallelism, MAX_DEFAULT_THREADS));
  const sharedMemory = threads > 1;
  keepFreedMemory();
  const memory = createMemory(sharedMemory, INITIAL_BYTES);
  const module = await compileKernels(simd, sharedMemory);
  const kernels = await instantiateKernels(module, memory);
  const heap = new Heap(memory, kernels.heapBase());
  const pool = new ThreadPool({ kernels, heap, module, memory, threads, platform });
  return { kernels, heap, pool, simd, sharedMemory };
}
