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

/** A quantized weight in its plain form as tensors on the current backend. */
export interface PlainWeightTensors {
  readonly scheme: AffineScheme;
  readonly rows: number;
  readonly columns: number;
  /** int32 [rows, words], packed as `PlainQuantizedWeight.words`. */
  readonly words: tf.Tensor;
  /** float32 [rows, groups]. */
  readonly scales: tf.Tensor;
  /** int32 [rows, groups], or null for a symmetric scheme. */
  readonly zeroPoints: tf.Tensor | null;
}

function checkLayout(scheme: AffineScheme, layout: WeightLayout): void {
  if (layout === 'int8' && (scheme.bits !== 8 || scheme.granularity.kind === 'group')) {
    throw new TampError(`an int8 layer cannot use a weight quantized as ${describeScheme(scheme)}`, {
      code: 'unsupported',
      remedy: 'Quantize it to 8 bits per channel or per tensor.',
    });
  }
}

/**
 * Packs a weight that is on the current backend already, without reading it back. The result's `levels` is a new
 * tensor, or `words` itself for the layout `rows`; its scales and zero points are those given. Contract of
 * `TampPackWeights`: input levels int32 [rows, words]; attributes layout (`groupwise` or `int8`), bits, rows,
 * columns, groupSize; result one int32 tensor in the backend's own layout. Throws a `TampError` (`unsupported`) when
 * the backend has no such kernels or the scheme does not suit the layout.
 */
export function packWeightTensors(weight: PlainWeightTensors, layout: WeightLayout): QuantizedOperand {
  const { scheme, rows, columns, words, scales, zeroPoints } = weight;
  checkLayout(scheme, layout);
  const groupSize = kernelGroupSize(scheme, columns);
  const levels =
    layout === 'rows'
      ? words
      : runPackedKernel(
          'TampPackWeights',
          { levels: words },
          { layout, bits: scheme.bits, rows, columns, groupSize },
        );
  return { layout, scheme, rows, columns, levels, scales, zeroPoints };
}

/**
 * Puts a quantized weight on the current backend in the layout of a kernel; the plain copy is freed. Throws a
 * `TampError` (`unsupported`) when the backend has no such kernels or the scheme does not suit the layout.
 */
export function packWeights(weight: PlainQuantizedWeight, layout: WeightLayout): QuantizedOperand {
  const { scheme, rows, columns } = weight;
  checkLayout(scheme, layout);
  const groups = columns / kernelGroupSize(scheme, columns);
  const words = tf.tensor(weight.words, [rows, weight.words.length / rows], 'int32');
  const made: tf.Tensor[] = [words];
  const keep = (tensor: tf.Tensor): tf.Tensor => {
    made.push(tensor);
    return tensor;
  };
  try {
    const scales = keep(tf.tensor(weight.scales, [rows, groups], 'float32'));
    const zeroPoints =
      weight.zeroPoints === null ? null : keep(tf.tensor(weight.zeroPoints, [rows, groups], 'int32'));
    const operand = packWeightTensors({ scheme, rows, columns, words, scales, zeroPoints }, layout);
    if (operand.levels !== words) words.dispose();
    return operand;
  } catch (error) {
    // A backend without the kernels refuses: nothing may be left behind.
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}
