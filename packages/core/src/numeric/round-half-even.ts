/** 1.5 · 2^52: adding it to a double below 2^51 leaves no fraction bits, so the addition itself rounds. */
const shift = 6755399441055744;

/**
 * The nearest integer, ties to the even one (IEEE 754 roundTiesToEven; `torch.round`, `rintf`).
 * `Math.round` takes ties towards +∞ and must not be used for levels. NaN and infinities come back as they are;
 * a zero result is +0.
 */
export function roundHalfEven(value: number): number {
  return Math.abs(value) < 2251799813685248 ? value + shift - shift : roundLarge(value);
}

/** At and above 2^51 the shift would overflow the mantissa; a fraction of one half still exists below 2^52. */
function roundLarge(value: number): number {
  const floor = Math.floor(value);
  if (!Number.isFinite(value) || floor === value) return value;
  return floor % 2 === 0 ? floor : floor + 1;
}
