import type { ByteSource, DenseStorage, ParameterStorage } from '@tamp/core';
import type { Encoding, Stream } from './encoding.js';

/** The storage that an encoding describes; `source` gives what reads its streams. */
export function storageOf(encoding: Encoding, source: (stream: Stream) => ByteSource): ParameterStorage {
  switch (encoding.kind) {
    case 'dense':
      return { kind: 'dense', dtype: encoding.dtype, bytes: source(encoding.values) };
    case 'affine': {
      const { scheme, scaleDtype, zeroPoints } = encoding;
      const scales: DenseStorage = { kind: 'dense', dtype: scaleDtype, bytes: source(encoding.scales) };
      return {
        kind: 'affine',
        scheme,
        levels: source(encoding.levels),
        scales,
        ...(zeroPoints === undefined ? {} : { zeroPoints: source(zeroPoints) }),
      };
    }
    case 'mixed-bits': {
      const { groupSize, minBits, codeBits, minimum, maximum } = encoding;
      return {
        kind: 'mixed-bits',
        groupSize,
        minBits,
        codeBits,
        minimum,
        maximum,
        codes: source(encoding.codes),
        levels: source(encoding.levels),
      };
    }
  }
}
