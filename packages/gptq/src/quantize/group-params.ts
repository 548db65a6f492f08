import {
  type AffineScheme,
  type QuantizedWeight,
  quantizeWeight,
  type RangeSearch,
  type ScaleFormat,
} from '@tamp/core';

/** How scales are found. */
export interface RangeOptions {
  /** Search for the smallest error weighted by the inputs' mean squares; absent: minimum and maximum. */
  readonly search?: Omit<RangeSearch, 'importance'>;
  readonly scaleFormat: ScaleFormat;
}

/** Scale and zero point of each group of a weight, and how many columns share one. */
export interface GroupParams {
  readonly scales: Float32Array;
  readonly zeroPoints: Int8Array | undefined;
}

/** Chooses scales and zero points for a weight [rows, columns]; `importance` per column. */
export function chooseParams(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  importance: Float32Array,
  options: RangeOptions,
  layer: string,
): GroupParams {
  const quantized: QuantizedWeight = quantizeWeight(weight, rows, columns, scheme, {
    layer,
    scaleFormat: options.scaleFormat,
    ...(options.search === undefined ? {} : { search: { ...options.search, importance } }),
  });
  return { scales: quantized.scales, zeroPoints: quantized.zeroPoints };
}
