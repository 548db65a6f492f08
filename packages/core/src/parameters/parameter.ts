import type { ByteSource } from '../bytes/byte-source.js';
import type { AffineScheme } from '../schemes/scheme.js';

/** Number formats of dense storage. */
export type DenseDtype = 'float32' | 'bfloat16' | 'float16';

/** Plain numbers, little-endian, row-major; in memory or a byte range of a file that is read when needed. */
export interface DenseStorage {
  readonly kind: 'dense';
  readonly dtype: DenseDtype;
  readonly bytes: ByteSource;
}

/**
 * Integer levels with scales. The parameter is taken as a matrix [rows, columns]: its first dimension by all others
 * together.
 */
export interface AffineStorage {
  readonly kind: 'affine';
  readonly scheme: AffineScheme;
  /** uint32 words, little-endian; each row's levels + 2^(bits−1), packed densely from the least significant bit. */
  readonly levels: ByteSource;
  /** [rows, groups] values, or one for tensor granularity. */
  readonly scales: DenseStorage;
  /** int8 [rows, groups] (or one), absent for a symmetric scheme. */
  readonly zeroPoints?: ByteSource;
}

/**
 * One range for the whole tensor and a bit width for each group of `groupSize` consecutive elements, as DiffQ learns
 * them (uniform quantization, `uniform/`). Group i has `minBits + code i` bits.
 */
export interface MixedBitsStorage {
  readonly kind: 'mixed-bits';
  readonly groupSize: number;
  readonly minBits: number;
  /** Bits of one code; the codes are packed densely from the least significant bit. 0 when all groups agree. */
  readonly codeBits: number;
  readonly codes: ByteSource;
  /** Levels of all elements in order, each with its group's bits, as one dense bit stream. */
  readonly levels: ByteSource;
  readonly minimum: number;
  readonly maximum: number;
}

/** How a parameter's values are held, by `kind`. */
export type ParameterStorage = DenseStorage | AffineStorage | MixedBitsStorage;

/** A named parameter of a model. Its storage says how its values are held; reading it yields them on demand. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: ParameterStorage;
}

/** A parameter's extent as a matrix: its first dimension by all others together; a vector is one row. */
export function matrixShape(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  if (shape.length < 2) return { rows: 1, columns: shape[0] ?? 1 };
  return { rows: shape[0], columns: shape.slice(1).reduce((product, size) => product * size, 1) };
}

/** Number of elements. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes the storage holds. */
export function storedBytes(storage: ParameterStorage): number {
  switch (storage.kind) {
    case 'dense':
      return storage.bytes.byteLength;
    case 'affine':
      return (
        storage.levels.byteLength + storage.scales.bytes.byteLength + (storage.zeroPoints?.byteLength ?? 0)
      );
    case 'mixed-bits':
      return storage.codes.byteLength + storage.levels.byteLength + 8;
  }
}
