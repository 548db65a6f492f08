/** ‖a − b‖ / ‖a‖, 0 when both are zero. */
export function relativeError(a: Float32Array, b: Float32Array): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    error += (a[i] - b[i]) ** 2;
    norm += a[i] ** 2;
  }
  return norm === 0 ? 0 : Math.sqrt(error / norm);
}
