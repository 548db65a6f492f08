const { fround } = Math;

/**
 * Llama 3.1's scaling: long wavelengths are interpolated, short ones kept, those in between blended. Bounds are
 * given as how many wavelengths fit into the original context.
 */
export interface Llama3Scaling {
  readonly kind: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalPositions: number;
}

/** Scaled frequencies (Llama Team 2024, `rope_type: llama3`). */
export function llama3Frequencies(frequencies: readonly number[], scaling: Llama3Scaling): readonly number[] {
  const { lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const factor = fround(scaling.factor);
  const longest = fround(originalPositions / low);
  const shortest = fround(originalPositions / high);
  return frequencies.map((frequency) => {
    const wavelength = fround(fround(2 * Math.PI) / frequency);
    if (wavelength > longest) return fround(frequency / factor);
    if (wavelength < shortest) return frequency;
    const turns = fround(originalPositions / wavelength);
    const blend = fround(fround(turns - fround(low)) / fround(high - low));
    const interpolated = fround(fround(fround(1 - blend) * frequency) / factor);
    return fround(interpolated + fround(blend * frequency));
  });
}
