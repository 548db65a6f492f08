import { usableScale } from './usable-scale.js';

/**
 * Cross-layer equalization (Nagel et al. 2019): the factor of the first layer's rows that gives row i of the first
 * weight and column i of the second the same largest magnitude, sqrt(r₂ / r₁). 1 where either is all zero.
 */
export function crossLayerScale(rows: Float32Array, columns: Float32Array): Float32Array {
  return rows.map((row, i) => (row > 0 && columns[i] > 0 ? usableScale(Math.sqrt(columns[i] / row)) : 1));
}
