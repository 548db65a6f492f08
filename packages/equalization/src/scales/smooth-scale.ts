import { usableScale } from './usable-scale.js';

/**
 * SmoothQuant's rule (Xiao et al. 2023): d = max|X|^α / max|W|^(1−α) of each channel, over all layers that read it; the
 * value is divided by d, the columns are multiplied by it. Returned as 1/d, the factor of the value. 1 for a channel
 * that is all zero in the data or in the weights.
 */
export function smoothScale(input: Float32Array, weight: Float32Array, alpha: number): Float32Array {
  return input.map((x, i) => {
    if (!(x > 0 && weight[i] > 0)) return 1;
    return usableScale(weight[i] ** (1 - alpha) / x ** alpha);
  });
}
