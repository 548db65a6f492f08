import { type CpuBackend, registerCpuBackend, supportedSimdVariants } from '../src/index.js';

/** Every variant of the kernels that this engine runs, each with one and with three threads. */
export async function allBackends(): Promise<CpuBackend[]> {
  const backends: CpuBackend[] = [];
  for (const simd of await supportedSimdVariants()) {
    for (const threads of [1, 3]) {
      backends.push(await registerCpuBackend({ name: `tamp-${simd}-${threads}`, simd, threads }));
    }
  }
  return backends;
}
