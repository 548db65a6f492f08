import { ROUNDED_BYTES } from './gptq/round-columns';
import { UNPACKED_BYTES } from './groupwise/planes';
import { COLUMN_BLOCK_BYTES } from './linear-algebra/column-block';

export { runTask } from './tasks';
export { runShared, workerLoop, CONTROL_BYTES } from './threads/pool';
export { relaxedMismatches, wideDotMismatches } from './known-answers';

/** The first byte that the kernels' own constants leave free. */
export function heapBase(): usize {
  return __heap_base;
}

/** Scratch that every thread has at least: a wide block of panels, a tile, an unpacked superblock, rows to round. */
export const SCRATCH_BYTES: usize = COLUMN_BLOCK_BYTES + UNPACKED_BYTES + ROUNDED_BYTES;
