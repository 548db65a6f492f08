import { gemmF32 } from './gemm/driver-f32';
import { gemmFewRowsF32 } from './gemm/few-rows-f32';
import { transposeTask } from './gemm/transpose';

/**
 * Runs units [begin, end) of a task. The numbers are those of `src/wasm/tasks.ts`. A task writes only its own
 * units of the output, each with a fixed order of operations, so the split over threads never shows.
 */
export function runTask(task: i32, args: usize, begin: i32, end: i32, scratch: usize): void {
  switch (task) {
    case 0:
      gemmF32(args, begin, end, scratch);
      break;
    case 1:
      gemmFewRowsF32(args, begin, end, scratch);
      break;
    case 2:
      transposeTask(args, begin, end, scratch);
      break;
    default:
      unreachable();
  }
}
