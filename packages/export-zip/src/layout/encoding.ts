import {
  type AffineScheme,
  checkScheme,
  type DenseDtype,
  denseBytes,
  elementCount,
  matrixShape,
  scaleCount,
} from '@tamp/core';

/** Where a run of a parameter's bytes lies in the archive. */
export interface Stream {
  readonly bytes: number;
  /** Index of the (first) entry in the manifest's table; absent when there are no bytes. */
  readonly entry?: number;
  /** Where it starts in an entry that several streams share. Default 0. */
  readonly offset?: number;
  /** Bytes in each entry but the last, when the stream takes several entries in a row. */
  readonly chunk?: number;
}

/** {@link @tamp/core!DenseStorage}, with a stream in place of the source. */
export interface DenseEncoding {
  readonly kind: 'dense';
  readonly dtype: DenseDtype;
  readonly values: Stream;
}

/** {@link @tamp/core!AffineStorage}, with streams in place of the sources. */
export interface AffineEncoding {
  readonly kind: 'affine';
  readonly scheme: AffineScheme;
  readonly levels: Stream;
  readonly scaleDtype: DenseDtype;
  readonly scales: Stream;
  readonly zeroPoints?: Stream;
}

/** {@link @tamp/core!MixedBitsStorage}, with streams in place of the sources. */
export interface MixedBitsEncoding {
  readonly kind: 'mixed-bits';
  readonly groupSize: number;
  readonly minBits: number;
  readonly codeBits: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly codes: Stream;
  readonly levels: Stream;
}

export type Encoding = DenseEncoding | AffineEncoding | MixedBitsEncoding;

/** An encoding or a storage of any kind: what decides how many bytes its streams have. */
export type SizedEncoding =
  | { readonly kind: 'dense'; readonly dtype: DenseDtype }
  | { readonly kind: 'affine'; readonly scheme: AffineScheme; readonly scaleDtype: DenseDtype }
  | {
      readonly kind: 'mixed-bits';
      readonly groupSize: number;
      readonly minBits: number;
      readonly codeBits: number;
    };

/** Fewest and most bytes a stream can have. */
export type SizeRange = readonly [number, number];

/** Sizes of the streams of a parameter by what they hold; a stream that is not named must be absent. */
export type StreamSizes = Readonly<Record<string, SizeRange>>;

const exactly = (bytes: number): SizeRange => [bytes, bytes];

/**
 * How many bytes each stream of a parameter has, given its shape. Throws a `TampError` (`usage`) for a scheme that
 * does not fit the shape.
 */
export function streamSizes(name: string, shape: readonly number[], encoding: SizedEncoding): StreamSizes {
  const elements = elementCount(shape);
  switch (encoding.kind) {
    case 'dense':
      return { values: exactly(elements * denseBytes[encoding.dtype]) };
    case 'affine': {
      const { scheme, scaleDtype } = encoding;
      const { rows, columns } = matrixShape(shape);
      checkScheme(scheme, columns, name);
      const scales = scaleCount(scheme, rows, columns);
      return {
        levels: exactly(rows * Math.ceil((columns * scheme.bits) / 32) * 4),
        scales: exactly(scales * denseBytes[scaleDtype]),
        ...(scheme.symmetric ? {} : { zeroPoints: exactly(scales) }),
      };
    }
    case 'mixed-bits': {
      const { groupSize, minBits, codeBits } = encoding;
      const mostBits = minBits + 2 ** codeBits - 1;
      return {
        codes: exactly(Math.ceil((Math.ceil(elements / groupSize) * codeBits) / 8)),
        levels: [Math.ceil((elements * minBits) / 8), Math.ceil((elements * mostBits) / 8)],
      };
    }
  }
}
