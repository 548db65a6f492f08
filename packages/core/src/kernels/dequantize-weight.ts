import type * as tf from '@tensorflow/tfjs-core';
import { kernelGroupSize } from './pack-weights.js';
import type { QuantizedOperand } from './quantized-operand.js';
import { runPackedKernel } from './run-kernel.js';

/**
 * A packed weight of layout `rows` as float32 [rows, columns], for operators that have no kernel on packed weights.
 * Contract of `TampDequantizeWeight`: inputs levels in the layout `rows`, scales, optional zeroPoints; attributes
 * bits, rows, columns, groupSize. Result: fround((level − zero point) · scale).
 */
export function dequantizeWeightTensor(weight: QuantizedOperand): tf.Tensor {
  const { rows, columns, scheme } = weight;
  return runPackedKernel(
    'TampDequantizeWeight',
    { levels: weight.levels, scales: weight.scales, zeroPoints: weight.zeroPoints ?? undefined },
    { bits: scheme.bits, rows, columns, groupSize: kernelGroupSize(scheme, columns) },
  );
}
