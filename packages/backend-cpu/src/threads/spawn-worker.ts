/** What a worker needs to take part in the pool. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Pointer to the control block. */
  readonly control: number;
  /** Number of this thread; the caller is 0. */
  readonly thread: number;
}

/** A worker that was started. */
export interface SpawnedWorker {
  readonly terminate: () => void;
}

/** How many threads there can be here, and how to start one. */
export interface ThreadPlatform {
  readonly parallelism: number;
  readonly spawn: (start: WorkerStart) => SpawnedWorker;
}

// The workers' whole program. It is a string because it must run from a published file, a bundle and a test alike,
// without a second file to find.
const RUN =
  'new WebAssembly.Instance(start.module, { env: { memory: start.memory } }).exports.workerLoop(start.control, start.thread);';

function nodePlatform(): ThreadPlatform | undefined {
  // Looked up rather than imported, so that bundlers for browsers see no Node module. Absent before Node 20.16.
  const builtin = globalThis.process?.getBuiltinModule;
  if (builtin === undefined) return undefined;
  const threads = builtin('node:worker_threads');
  const os = builtin('node:os');
  return {
    parallelism: os.availableParallelism(),
    spawn: (start) => {
      const source = `const { workerData: start } = require('node:worker_threads');\n${RUN}`;
      const worker = new threads.Worker(source, { eval: true, workerData: start, execArgv: [] });
      // The process may end while workers sleep.
      worker.unref();
      return { terminate: () => void worker.terminate() };
    },
  };
}

function webPlatform(): ThreadPlatform | undefined {
  // Shared memory travels between threads only in cross-origin-isolated pages, and a page's main thread must not wait.
  const isolated = globalThis.crossOriginIsolated === true;
  if (!isolated || typeof Worker === 'undefined' || typeof document !== 'undefined') return undefined;
  return {
    parallelism: navigator.hardwareConcurrency,
    spawn: (start) => {
      const url = URL.createObjectURL(
        new Blob([`onmessage = ({ data: start }) => { ${RUN} };`], { type: 'text/javascript' }),
      );
      const worker = new Worker(url);
      URL.revokeObjectURL(url);
      worker.postMessage(start);
      return { terminate: () => worker.terminate() };
    },
  };
}

/** The threads of this platform, or undefined where there is only one. */
export function threadPlatform(): ThreadPlatform | undefined {
  return nodePlatform() ?? webPlatform();
}
