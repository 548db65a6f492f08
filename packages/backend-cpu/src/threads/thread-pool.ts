import type { Heap } from '../memory/heap.js';
import type { KernelExports } from '../wasm/kernel-exports.js';
import type { TaskNumber } from '../wasm/tasks.js';
import type { SpawnedWorker, ThreadPlatform } from './spawn-worker.js';
import { WorkerWakes } from './worker-wakes.js';

/** Words of the longest argument block. */
const ARGUMENT_WORDS = 64;
/** Chunks per thread: a thread that is late or slow leaves the rest to the others. */
const CHUNKS_PER_THREAD = 8;
/** Below this many elementary operations the hand-over costs more than a second thread saves. */
const PARALLEL_COST = 60_000;
/** From this many on, a run of one thread lasts 100 µs or more: a worker that is woken well has time to help. */
const TELLING_COST = 4_000_000;

/** Byte offsets in the control block, as `assembly/threads/pool.ts` lays it out. */
const Control = { run: 8, stop: 20, scratch: 24, scratchBytes: 28, naps: 56 } as const;

/** How a pool is made. */
export interface ThreadPoolOptions {
  readonly kernels: KernelExports;
  readonly heap: Heap;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Threads in all, the caller among them. */
  readonly threads: number;
  readonly platform: ThreadPlatform | undefined;
}

/**
 * Runs tasks over units of output on this thread and its workers. Workers start in the background: until they are
 * up, the caller does all the work.
 */
export class ThreadPool {
  readonly threads: number;
  readonly #kernels: KernelExports;
  readonly #heap: Heap;
  readonly #workers: readonly SpawnedWorker[];
  readonly #control: number;
  readonly #arguments: number;
  readonly #wakes: WorkerWakes;
  #scratch: number;
  #scratchBytes: number;

  constructor({ kernels, heap, module, memory, threads, platform }: ThreadPoolOptions) {
    this.#kernels = kernels;
    this.#heap = heap;
    this.threads = platform === undefined ? 1 : threads;
    const controlBytes = Number(kernels.CONTROL_BYTES.value);
    this.#wakes = new WorkerWakes(this.threads);
    this.#control = heap.allocate(controlBytes);
    heap.u8.fill(0, this.#control, this.#control + controlBytes);
    this.#arguments = heap.allocate(ARGUMENT_WORDS * 4);
    this.#scratchBytes = Number(kernels.SCRATCH_BYTES.value);
    this.#scratch = heap.allocate(this.#scratchBytes * this.threads);
    this.#publishScratch();
    const workers: SpawnedWorker[] = [];
    for (let thread = 1; platform !== undefined && thread < this.threads; thread++) {
      workers.push(platform.spawn({ module, memory, control: this.#control, thread }));
    }
    this.#workers = workers;
  }

  /**
   * Runs a task to its end.
   *
   * @param words the argument block, 32-bit words in the order of the task's class in `assembly/`
   * @param units how many units of output there are
   * @param cost elementary operations in all, to decide whether other threads are worth waking
   */
  run(task: TaskNumber, words: readonly number[], units: number, cost: number): void {
    const i32 = this.#heap.i32;
    const at = this.#arguments >>> 2;
    for (let i = 0; i < words.length; i++) i32[at + i] = words[i] ?? 0;
    if (this.threads === 1 || units === 1 || cost < PARALLEL_COST) {
      this.#kernels.runTask(task, this.#arguments, 0, units, this.#scratch);
      return;
    }
    const unitsPerChunk = Math.ceil(units / (this.threads * CHUNKS_PER_THREAD));
    const own = this.#kernels.runShared(this.#control, task, this.#arguments, units, unitsPerChunk);
    if (own < 0 || cost < TELLING_COST) return;
    this.#wakes.observe(own, Math.ceil(units / unitsPerChunk));
    i32[(this.#control + Control.naps) >>> 2] = this.#wakes.naps;
  }

  /** Makes sure that every thread has this much scratch. */
  reserveScratch(bytes: number): void {
    if (bytes <= this.#scratchBytes) return;
    this.#heap.free(this.#scratch);
    this.#scratchBytes = Math.ceil(bytes / 64) * 64;
    this.#scratch = this.#heap.allocate(this.#scratchBytes * this.threads);
    this.#publishScratch();
  }

  /** Ends the workers. */
  dispose(): void {
    const i32 = this.#heap.i32;
    Atomics.store(i32, (this.#control + Control.stop) >>> 2, 1);
    for (const worker of this.#workers) worker.terminate();
    this.#heap.free(this.#scratch);
    this.#heap.free(this.#arguments);
  }

  #publishScratch(): void {
    const i32 = this.#heap.i32;
    i32[(this.#control + Control.scratch) >>> 2] = this.#scratch;
    i32[(this.#control + Control.scratchBytes) >>> 2] = this.#scratchBytes;
  }
}
