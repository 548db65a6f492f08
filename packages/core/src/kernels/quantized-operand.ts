import type * as tf from '@tensorflow/tfjs-core';
import type { AffineScheme } from '../schemes/scheme.js';

/**
 * How a kernel wants a packed weight: `groupwise` and `int8` are the layouts of the two linear kernels and depend on
 * the backend; `rows` is the plain form, each row's levels packed densely into 32-bit words, for lookups by row.
 */
export type WeightLayout = 'groupwise' | 'int8' | 'rows';

/** A quantized weight matrix on the current backend, in the layout of one kernel. */
export interface QuantizedOperand {
  readonly layout: WeightLayout;
  readonly scheme: AffineScheme;
  readonly rows: number;
  readonly columns: number;
  /** int32. `rows`: [rows, words]; the other layouts: whatever the backend's pack kernel returned. */
  readonly levels: tf.Tensor;
  /**
   * float32 [rows, groups]; one group per row for channel and tensor granularity. `groupwise`: the same values in the
   * backend's own order.
   */
  readonly scales: tf.Tensor;
  /** int32 [rows, groups], or null for a symmetric scheme. `groupwise`: in the backend's own layout. */
  readonly zeroPoints: tf.Tensor | null;
}

/** Frees the operand's tensors. */
export function disposeOperand(operand: QuantizedOperand): void {
  operand.levels.dispose();
  operand.scales.dispose();
  operand.zeroPoints?.dispose();
}
