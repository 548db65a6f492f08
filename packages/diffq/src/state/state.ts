/** How levels and bits are stored: as they are, or as bit planes in one of core's two layouts. */
export type Packing = 'plain' | 'strided' | 'blocked';

/** Unsigned numbers of a known number of bits as planes; `count` of them. */
export type Planes =
  | { readonly layout: 'strided'; readonly bits: number; readonly count: number; readonly words: Int16Array }
  | {
      readonly layout: 'blocked';
      readonly bits: number;
      readonly count: number;
      readonly words: BigInt64Array;
    };

interface EntryIdentity {
  readonly name: string;
  readonly shape: readonly number[];
  /** Consecutive elements per group. */
  readonly groupSize: number;
  /** Offset of packed bits. */
  readonly minBits: number;
  /** DiffQ and uniform: minimum and maximum; LSQ: the step. */
  readonly scales: Float32Array;
}

/** One parameter with its numbers as they are. */
export interface PlainEntry extends EntryIdentity {
  readonly packing: 'plain';
  /** Rounded bits per group. */
  readonly bits: Uint8Array;
  /** Levels of all elements in order, counted from 0. */
  readonly levels: Uint8Array | Uint16Array;
}

/** One parameter packed: bits − minBits of each group, and for each number of bits the levels of its groups. */
export interface PackedEntry extends EntryIdentity {
  readonly packing: 'strided' | 'blocked';
  /** null when every group has minBits bits. */
  readonly bits: Planes | null;
  readonly groups: number;
  /** Index b − 1: the levels of all groups of b bits, in group order; null when there is none. 15 of them. */
  readonly buckets: readonly (Planes | null)[];
}

/** A parameter that is not quantized. */
export interface StoredDense {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A parameter stored as float16. */
export interface StoredHalf {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Uint16Array;
}

/** A quantized model, as plain data (it survives `structuredClone`). */
export interface QuantizedState {
  readonly format: 'tamp-diffq';
  readonly version: 1;
  readonly method: 'diffq' | 'lsq' | 'uniform';
  readonly quantized: readonly (PlainEntry | PackedEntry)[];
  readonly float16: readonly StoredHalf[];
  readonly others: readonly StoredDense[];
  readonly buffers: readonly StoredDense[];
}

/** One quantized parameter, unpacked. */
export interface StoredParameter extends EntryIdentity {
  readonly bits: Uint8Array;
  readonly levels: Uint8Array | Uint16Array;
}

/** A quantized model, unpacked. */
export interface UnpackedState {
  readonly method: QuantizedState['method'];
  readonly quantized: readonly StoredParameter[];
  readonly float16: readonly StoredDense[];
  readonly others: readonly StoredDense[];
  readonly buffers: readonly StoredDense[];
}
