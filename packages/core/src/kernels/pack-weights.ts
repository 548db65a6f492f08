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
 * tensor, or `words` itself for the layout `rows`; its scales and zero points are those given, or for the layout
 * `groupwise` new ones where the backend lays them out in its own way.
 *
 * Contract of `TampPackWeights`: inputs levels int32 [rows, words] and, for `groupwise`, scales float32 [rows, groups]
 * and optional zeroPoints int32 [rows, groups]; attributes layout (`groupwise` or `int8`), bits, rows, columns,
 * groupSize; result one int32 tensor in the backend's own layout, or an array of it, the scales and the zero points
 * if any. Throws a `TampError` (`unsupported`) when the backend has no such kernels or the scheme does not suit the
 * layout.
 */
export function packWeightTensors(weight: PlainWeightTensors, layout: WeightLayout): QuantizedOperand {
  const { scheme, rows, columns, words, scales, zeroPoints } = weight;
  checkLayout(scheme, layout);
  const groupSize = kernelGroupSize(scheme, columns);
  const matrix = { layout, scheme, rows, columns };
  if (layout === 'rows') return { ...matrix, levels: words, scales, zeroPoints };
  const tables = layout === 'groupwise' ? { scales, zeroPoints: zeroPoints ?? undefined } : {};
  const packed = runPackedKernel<tf.Tensor | tf.Tensor[]>(
    'TampPackWeights',
    { levels: words, ...tables },
    { layout, bits: scheme.bits, rows, columns, groupSize },
  );
  if (!Array.isArray(packed)) return { ...matrix, levels: packed, scales, zeroPoints };
  const [levels, packedScales, packedZeroPoints = null] = packed;
  return { ...matrix, levels, scales: packedScales, zeroPoints: packedZeroPoints };
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
    const used = [operand.levels, operand.scales, operand.zeroPoints];
    for (const tensor of made) if (!used.includes(tensor)) tensor.dispose();
    return operand;
  } catch (error) {
    // A backend without the kernels refuses: nothing may be left behind.
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}
