import { gatherWindows, scatterWindows } from './conv/windows';
import { gemmF32 } from './gemm/driver-f32';
import { gemmFewRowsF32 } from './gemm/few-rows-f32';
import { transposeTask } from './gemm/transpose';
import { dequantizeRows } from './groupwise/dequantize';
import { gemmBlocks } from './groupwise/gemm-blocks';
import { gemmGroupwise } from './groupwise/gemm-float';
import { packGroupwise } from './groupwise/pack';
import { quantizeBlocks } from './groupwise/quantize-blocks';
import { roundBlocks } from './groupwise/round-blocks';
import { roundColumns } from './gptq/round-columns';
import { searchRanges } from './gptq/search-ranges';
import { gemmInt8 } from './int8/gemm';
import { packInt8 } from './int8/pack';
import { quantizeRows, rangeOfBlocks } from './int8/quantize';
import { attention } from './nn/attention';
import { binary } from './nn/elementwise';
import { gram } from './linear-algebra/gram';
import { factorDiagonal, packLater, permuteUpper, solveAbove, updateBlock } from './linear-algebra/upper-factor';
import { rmsNorm } from './nn/rms-norm';
import { rotary } from './nn/rotary';
import { softmaxRows } from './nn/softmax';
import { swiGlu } from './nn/swiglu';
import { widenBfloat16 } from './nn/widen-bfloat16';

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
    case 3:
      packInt8(args, begin, end, scratch);
      break;
    case 4:
      rangeOfBlocks(args, begin, end, scratch);
      break;
    case 5:
      quantizeRows(args, begin, end, scratch);
      break;
    case 6:
      gemmInt8(args, begin, end, scratch);
      break;
    case 7:
      packGroupwise(args, begin, end, scratch);
      break;
    case 8:
      gemmGroupwise(args, begin, end, scratch);
      break;
    case 9:
      dequantizeRows(args, begin, end, scratch);
      break;
    case 10:
      roundBlocks(args, begin, end, scratch);
      break;
    case 11:
      rmsNorm(args, begin, end, scratch);
      break;
    case 12:
      swiGlu(args, begin, end, scratch);
      break;
    case 13:
      rotary(args, begin, end, scratch);
      break;
    case 14:
      attention(args, begin, end, scratch);
      break;
    case 15:
      softmaxRows(args, begin, end, scratch);
      break;
    case 16:
      binary(args, begin, end, scratch);
      break;
    case 17:
      quantizeBlocks(args, begin, end, scratch);
      break;
    case 18:
      gemmBlocks(args, begin, end, scratch);
      break;
    case 19:
      gatherWindows(args, begin, end, scratch);
      break;
    case 20:
      scatterWindows(args, begin, end, scratch);
      break;
    case 21:
      gram(args, begin, end, scratch);
      break;
    case 22:
      permuteUpper(args, begin, end, scratch);
      break;
    case 23:
      factorDiagonal(args, begin, end, scratch);
      break;
    case 24:
      solveAbove(args, begin, end, scratch);
      break;
    case 25:
      updateBlock(args, begin, end, scratch);
      break;
    case 26:
      roundColumns(args, begin, end, scratch);
      break;
    case 27:
      searchRanges(args, begin, end, scratch);
      break;
    case 28:
      packLater(args, begin, end, scratch);
      break;
    case 29:
      widenBfloat16(args, begin, end, scratch);
      break;
    default:
      unreachable();
  }
}
