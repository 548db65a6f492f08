import {
  type AffineScheme,
  checkFinite,
  nextTask,
  type QuantizedWeight,
  type QuantizeWeightOptions,
  quantizeWithSearch,
  scaleCount,
} from '@tamp/core';

/** Weights quantized in one go: with a range search at most some tenths of a second. */
const blockElements = 2 ** 20;

/**
 * `quantizeWithSearch`, some rows at a time, so that a page stays alive and a signal is obeyed while a large weight is
 * searched. The result is the same: no row depends on another, except with one scale for all, which is done in one go.
 */
export async function quantizeRows(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  options: QuantizeWeightOptions & { readonly layer: string },
  signal: AbortSignal,
): Promise<QuantizedWeight> {
  const step = Math.max(1, Math.floor(blockElements / columns));
  if (scheme.granularity.kind === 'tensor' || rows <= step) {
    return quantizeWithSearch(weight, rows, columns, scheme, options);
  }
  // Before the work, and with the position in the whole weight.
  checkFinite(weight, { layer: options.layer, columns });
  const perRow = scaleCount(scheme, 1, columns);
  const levels = new Int8Array(weight.length);
  const scales = new Float32Array(rows * perRow);
  const zeroPoints = new Int8Array(scheme.symmetric ? 0 : rows * perRow);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const block = weight.subarray(row * columns, (row + count) * columns);
    const quantized = await quantizeWithSearch(block, count, columns, scheme, options);
    levels.set(quantized.levels, row * columns);
    scales.set(quantized.scales, row * perRow);
    if (quantized.zeroPoints !== undefined) zeroPoints.set(quantized.zeroPoints, row * perRow);
    await nextTask();
    signal.throwIfAborted();
  }
  return scheme.symmetric ? { levels, scales } : { levels, scales, zeroPoints };
}
