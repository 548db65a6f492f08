export { runTask } from './tasks';
export { runShared, workerLoop, CONTROL_BYTES } from './threads/pool';
export { relaxedMismatches } from './known-answers';
export { GEMM_F32_SCRATCH } from './gemm/driver-f32';

/** The first byte that the kernels' own constants leave free. */
export function heapBase(): usize {
  return __heap_base;
}
