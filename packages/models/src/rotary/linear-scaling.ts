const { fround } = Math;

/** Positions divided by a factor (position interpolation, Chen et al. 2023). */
export interface LinearScaling {
  readonly kind: 'linear';
  readonly factor: number;
}

/** Frequencies of interpolated positions. */
export function scaleLinearly(frequencies: readonly number[], { factor }: LinearScaling): readonly number[] {
  return frequencies.map((frequency) => fround(frequency / fround(factor)));
}
