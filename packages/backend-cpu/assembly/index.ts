import { EDGE_BYTES, PANELS_BYTES } from './gemm/driver-f32';
import { ROUNDED_BYTES } from './gptq/round-columns';
import { UNPACKED_BYTES } from './groupwise/planes';

export { runTask } from './tasks';
export { runShared, workerLoop, CONTROL_BYTES } from './threads/pool';
export { relaxedMismatches, wideDotMismatches } from './known-answers';

/** The first byte that the kernels' own constants leave free. */
export function heapBase(): usize {
  return __heap_base;
}

/** Scratch that every thread has at least: a block of panels, a tile, an unpacked superblock, rows to round. */
export const SCRATCH_BYTES: usize = PANELS_BYTES + EDGE_BYTES + UNPACKED_BYTES + ROUNDED_BYTES;
