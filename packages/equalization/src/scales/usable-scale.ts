/** The scale, or 1 where it or its reciprocal is no positive finite float32: such a channel is left as it is. */
export function usableScale(scale: number): number {
  const value = Math.fround(scale);
  const reciprocal = Math.fround(1 / value);
  return value > 0 && Number.isFinite(value) && reciprocal > 0 && Number.isFinite(reciprocal) ? value : 1;
}
