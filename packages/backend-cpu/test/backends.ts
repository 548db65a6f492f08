import { type CpuBackend, registerCpuBackend, type SimdVariant, supportsRelaxedSimd } from '../src/index.js';

/** Every variant of the kernels that this engine runs, each with one and with three threads. */
export async function allBackends(): Promise<CpuBackend[]> {
  const variants: SimdVariant[] = (await supportsRelaxedSimd()) ? ['baseline', 'relaxed'] : ['baseline'];
  const backends: CpuBackend[] = [];
  for (const simd of variants) {
    for (const threads of [1, 3]) {
      backends.push(await registerCpuBackend({ name: `tamp-${simd}-${threads}`, simd, threads }));
    }
  }
  return backends;
}
