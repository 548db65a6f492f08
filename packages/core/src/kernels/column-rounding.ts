import type * as tf from '@tensorflow/tfjs-core';
import type { WeightRanges } from '../affine/quantize-weight.js';
import type { AffineScheme } from '../schemes/scheme.js';

/** Chooses scales for a matrix [rows, size], a group of the weight as it is when its turn has come; one per row. */
export type TurnRanges = (group: Float32Array, size: number, index: number) => Promise<WeightRanges>;

/** A weight and how to round its columns. */
export interface ColumnRounding {
  /** [rows, columns], row-major. */
  readonly weight: Float32Array;
  readonly rows: number;
  readonly scheme: AffineScheme;
  /** Column of each position: which has its turn when. */
  readonly order: Int32Array;
  /** float32 [columns, columns] by position: R upper triangular, of `upperFactor`. */
  readonly factor: tf.Tensor;
  /** By position, what `upperFactor` added to the diagonal; it is no part of the outputs' error. */
  readonly damping: Float32Array;
  /**
   * Scales and zero points; or what chooses them for a group when its turn comes, from the weights that make up for the
   * errors so far (the order must then keep groups together).
   */
  readonly ranges: WeightRanges | TurnRanges;
  /** Columns between two products with all earlier errors, in the reference: changes speed, not results. Default 128. */
  readonly blockColumns?: number;
}

/** A weight whose columns are rounded. */
export interface RoundedColumns {
  /** Row-major levels, in the weight's own order of columns. */
  readonly levels: Int8Array;
  readonly ranges: WeightRanges;
  /**
   * For each row Σ((w − ŵ) R)² less the share of the damping, Σ(w − ŵ)² and Σw²: [rows, 3]. The first is the squared
   * error of the row's outputs.
   */
  readonly figures: Float32Array;
}
