import * as tf from '@tensorflow/tfjs-core';
import { kernelGroupSize } from './pack-weights.js';
import type { QuantizedOperand } from './quantized-operand.js';
import { runPackedKernel } from './run-kernel.js';

/**
 * x [..., columns] times a weight of 2 to 8 bits with a scale per group of a row, plus bias: [..., rows].
 * Contract of `TampGroupwiseLinear`: inputs x float32 [m, columns], levels, scales and
 * optional zeroPoints as packed, and optional bias float32 [rows]; attributes bits, rows, columns,
 * groupSize, activation. Result [m, rows]: Σ over groups of scale · Σ x·(level − zero point), plus bias.
 * With activation `int8-block`, x is first quantized symmetrically in blocks of 32 along columns: scale
 * max|x|/127 (1 for an all-zero block), level roundHalfEven(x · fround(1/scale)).
 */
export function groupwiseLinear(
  x: tf.Tensor,
  weight: QuantizedOperand,
  bias: tf.Tensor | undefined,
  activation: 'float' | 'int8-block' = 'float',
): tf.Tensor {
  const { rows, columns, scheme } = weight;
  const isMatrix = x.rank === 2 && x.shape[1] === columns;
  const result = runPackedKernel(
    'TampGroupwiseLinear',
    {
      // See int8Linear.
      x: isMatrix ? x : tf.reshape(x, [-1, columns]),
      levels: weight.levels,
      scales: weight.scales,
      zeroPoints: weight.zeroPoints ?? undefined,
      bias,
    },
    { bits: scheme.bits, rows, columns, groupSize: kernelGroupSize(scheme, columns), activation },
  );
  return isMatrix ? result : tf.reshape(result, [...x.shape.slice(0, -1), rows]);
}
