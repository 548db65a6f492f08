import * as tf from '@tensorflow/tfjs-core';
import type { Int8Activation } from './int8-activation.js';
import type { QuantizedOperand } from './quantized-operand.js';
import { runPackedKernel } from './run-kernel.js';

/**
 * x [..., columns] times an int8 weight, plus bias: [..., rows]; x is quantized during the call.
 * Contract of `TampInt8Linear`: inputs x float32 [m, columns], levels (as packed), scales float32 [rows, 1],
 * optional zeroPoints int32 [rows, 1] and bias float32 [rows]; attributes rows, columns, activation (`token`,
 * `tensor` or `static`), reduceRange, scale and zeroPoint (of a static activation, else 1 and 0). Result [m, rows].
 *
 * Arithmetic (FBGEMM): xq = clamp(roundHalfEven(fround(x · fround(1/sx))) + zx); acc = Σ xq·wq in int32, exact;
 * acc −= zx·Σwq + zw·Σxq − columns·zx·zw; out = fround(fround(acc · fround(sx·sw)) + bias).
 */
export function int8Linear(
  x: tf.Tensor,
  weight: QuantizedOperand,
  bias: tf.Tensor | undefined,
  activation: Int8Activation,
): tf.Tensor {
  const { rows, columns } = weight;
  const isMatrix = x.rank === 2 && x.shape[1] === columns;
  const result = runPackedKernel(
    'TampInt8Linear',
    {
      // A reshape that changes nothing takes a tenth of a small layer's time.
      x: isMatrix ? x : tf.reshape(x, [-1, columns]),
      levels: weight.levels,
      scales: weight.scales,
      zeroPoints: weight.zeroPoints ?? undefined,
      bias,
    },
    {
      rows,
      columns,
      activation: activation.kind,
      reduceRange: activation.kind !== 'token' && activation.reduceRange,
      // A kernel may compute with the number as it is or with its float32: they must be the same.
      scale: activation.kind === 'static' ? Math.fround(activation.scale) : 1,
      zeroPoint: activation.kind === 'static' ? activation.zeroPoint : 0,
    },
  );
  return isMatrix ? result : tf.reshape(result, [...x.shape.slice(0, -1), rows]);
}
