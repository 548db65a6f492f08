/** What a compiled kernel module exports. Pointers are byte offsets into the imported memory. */
export interface KernelExports {
  readonly runTask: (task: number, args: number, begin: number, end: number, scratch: number) => void;
  readonly runShared: (
    control: number,
    task: number,
    args: number,
    units: number,
    unitsPerChunk: number,
  ) => number;
  readonly relaxedMismatches: (room: number, rounds: number) => number;
  readonly wideDotMismatches: (room: number, rounds: number) => number;
  readonly heapBase: () => number;
  /** Bytes of the threads' control block. */
  readonly CONTROL_BYTES: WebAssembly.Global;
  /** Bytes of scratch that every thread has at least. */
  readonly SCRATCH_BYTES: WebAssembly.Global;
}

function isKernelExports(exports: WebAssembly.Exports): exports is WebAssembly.Exports & KernelExports {
  return (
    ['runTask', 'runShared', 'relaxedMismatches', 'wideDotMismatches', 'heapBase'].every(
      (name) => typeof exports[name] === 'function',
    ) && ['CONTROL_BYTES', 'SCRATCH_BYTES'].every((name) => exports[name] instanceof WebAssembly.Global)
  );
}

/** Instantiates a kernel module over a memory. */
export async function instantiateKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<KernelExports> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  if (!isKernelExports(exports)) throw new TypeError('The compiled kernels lack an export.');
  return exports;
}
