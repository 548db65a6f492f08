const { fround } = Math;

/** theta^(2i / headSize) for each pair of elements, as float32. */
export function wavelengthPowers(headSize: number, theta: number): readonly number[] {
  const base = fround(theta);
  return Array.from({ length: headSize / 2 }, (_, i) => fround(base ** fround((2 * i) / headSize)));
}

/** Inverse frequencies 1 / theta^(2i / headSize) as float32 (Su et al. 2021). */
export function defaultFrequencies(headSize: number, theta: number): readonly number[] {
  return wavelengthPowers(headSize, theta).map((power) => fround(1 / power));
}
