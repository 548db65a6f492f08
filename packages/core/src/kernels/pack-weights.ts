import * as tf from '@tensorflow/tfjs-core';
import { TampError } from '../errors/tamp-error.js';
import { type AffineScheme, describeScheme } from '../schemes/scheme.js';
import type { QuantizedOperand, WeightLayout } from './quantized-operand.js';
import { runPackedKernel } from './run-kernel.js';

/** A quantized weight in its plain form, as files hold it. */
export interface PlainQuantizedWeight {
  readonly scheme: AffineScheme;
  readonly rows: number;
  readonly columns: number;
  /** Each row's levels plus 2^(bits−1), packed densely from the least significant bit, rows padded to whole words. */
  readonly words: Int32Array;
  /** [rows, groups]. */
  readonly scales: Float32Array;
  /** [rows, groups], or null for a symmetric scheme. */
  readonly zeroPoints: Int32Array | null;
}

/** Number of scales a kernel sees per row. */
export function kernelGroupSize(scheme: AffineScheme, columns: number): number {
  return scheme.granularity.kind === 'group' ? scheme.granularity.groupSize : columns;
}

/**
 * Puts a quantized weight on the current backend in the layout of a kernel. Contract of `TampPackWeights`: input
 * levels int32 [rows, words]; attributes layout (`groupwise` or `int8`), bits, rows, columns, groupSize; result one
 * int32 tensor in the backend's own layout. The plain copy is freed. Throws a `TampError` when the backend has no
 * such kernels or the scheme does not suit the layout.
 */
export function packWeights(weight: PlainQuantizedWeight, layout: WeightLayout): QuantizedOperand {
  const { scheme, rows, columns } = weight;
  if (layout === 'int8' && (scheme.bits !== 8 || scheme.granularity.kind === 'group')) {
    throw new TampError(`an int8 layer cannot use a weight quantized as ${describeScheme(scheme)}`, {
      code: 'unsupported',
      remedy: 'Quantize it to 8 bits per channel or per tensor.',
    });
  }
  const groupSize = kernelGroupSize(scheme, columns);
  const groups = columns / groupSize;
  const plain = tf.tensor(weight.words, [rows, weight.words.length / rows], 'int32');
  const levels =
    layout === 'rows'
      ? plain
      : runPackedKernel(
          'TampPackWeights',
          { levels: plain },
          { layout, bits: scheme.bits, rows, columns, groupSize },
        );
  if (levels !== plain) plain.dispose();
  return {
    layout,
    scheme,
    rows,
    columns,
    levels,
    scales: tf.tensor(weight.scales, [rows, groups], 'float32'),
    zeroPoints: weight.zeroPoints === null ? null : tf.tensor(weight.zeroPoints, [rows, groups], 'int32'),
  };
}
