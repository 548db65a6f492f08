import * as tf from '@tensorflow/tfjs-core';
import { kernelGroupSize } from './pack-weights.js';
import type { QuantizedOperand } from './quantized-operand.js';
import { runPackedKernel } from './run-kernel.js';

/**
 * Dequantized rows of a packed table by index: ids int32 [...] → float32 [..., columns].
 * Contract of `TampGatherRows`: inputs ids int32 [n], levels in the layout `rows`, scales, optional zeroPoints;
 * attributes bits, rows, columns, groupSize. Result [n, columns]: fround((level − zero point) · scale).
 */
export function gatherRows(ids: tf.Tensor, table: QuantizedOperand): tf.Tensor {
  const { rows, columns, scheme } = table;
  const result = runPackedKernel(
    'TampGatherRows',
    {
      ids: tf.reshape(ids, [-1]),
      levels: table.levels,
      scales: table.scales,
      zeroPoints: table.zeroPoints ?? undefined,
    },
    { bits: scheme.bits, rows, columns, groupSize: kernelGroupSize(scheme, columns) },
  );
  return tf.reshape(result, [...ids.shape, columns]);
}
