/**
 * Bits of one element of each dtype, in the order of alignment in which the reference implementation sorts
 * tensors when it writes a file (`Dtype` in safetensors' `tensor.rs`).
 */
const dtypeBits = {
  BOOL: 8,
  /** Microscaling float with 4 bits, two elements to a byte. */
  F4: 4,
  /** Microscaling floats with 6 bits, four elements to three bytes. */
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  /** A power of two: the scale of microscaling blocks. */
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  /** Complex number of two F32. */
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** The type of a tensor's elements. All are stored little-endian. */
export type SafetensorsDtype = keyof typeof dtypeBits;

/** Every dtype, from the least to the most aligned. */
export const safetensorsDtypes: readonly SafetensorsDtype[] = Object.freeze(
  Object.keys(dtypeBits).filter(isSafetensorsDtype),
);

const alignmentRanks: ReadonlyMap<string, number> = new Map(
  safetensorsDtypes.map((dtype, rank) => [dtype, rank]),
);

/** Whether a name is that of a dtype. */
export function isSafetensorsDtype(name: string): name is SafetensorsDtype {
  return Object.hasOwn(dtypeBits, name);
}

/** The size of one element in bits: a multiple of 8 for all but F4, F6_E2M3 and F6_E3M2. */
export function bitsPerElement(dtype: SafetensorsDtype): number {
  return dtypeBits[dtype];
}

/** Place of a dtype in the order of alignment, from 0. */
export function alignmentRank(dtype: SafetensorsDtype): number {
  return alignmentRanks.get(dtype) ?? 0;
}

/** Why a dtype and a shape have no size in bytes. */
export type SizeProblem = 'overflow' | 'partial byte';

/**
 * The size of a tensor in bytes, or why it has none: the number of bits is beyond what a double holds exactly
 * (2^53), or elements of less than a byte do not fill the last byte. Dimensions must be non-negative integers.
 */
export function tensorByteLength(dtype: SafetensorsDtype, shape: readonly number[]): number | SizeProblem {
  let elements = 1;
  for (const dimension of shape) {
    elements *= dimension;
    if (!Number.isSafeInteger(elements)) return 'overflow';
  }
  const bits = elements * dtypeBits[dtype];
  if (!Number.isSafeInteger(bits)) return 'overflow';
  return bits % 8 === 0 ? bits / 8 : 'partial byte';
}
