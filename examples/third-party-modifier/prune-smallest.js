// @ts-check

/**
 * A copy of the weights in which the `fraction` of smallest magnitude (rounded down) is zero. Of equal magnitudes the
 * earlier ones go first.
 *
 * @param {Float32Array} weights
 * @param {number} fraction from 0 to 1
 * @returns {Float32Array}
 */
export function pruneSmallest(weights, fraction) {
  const order = Uint32Array.from(weights.keys()).sort(
    (a, b) => Math.abs(weights[a]) - Math.abs(weights[b]) || a - b,
  );
  const pruned = weights.slice();
  for (const index of order.subarray(0, Math.floor(fraction * weights.length))) pruned[index] = 0;
  return pruned;
}
