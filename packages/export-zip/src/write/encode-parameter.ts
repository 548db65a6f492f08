import { denseBytes, groupsPerRow, matrixShape, type Parameter } from '@tamp/core';
import type { NumberWidth } from '../compression/compress.js';
import type { Encoding } from '../layout/encoding.js';
import type { StreamWriter } from './stream-writer.js';

const widths: Readonly<Record<keyof typeof denseBytes, NumberWidth>> = {
  float32: 4,
  bfloat16: 2,
  float16: 2,
};

/** Writes a parameter's streams and gives its encoding for the manifest. */
export async function encodeParameter(parameter: Parameter, writer: StreamWriter): Promise<Encoding> {
  const { storage, shape } = parameter;
  const { columns } = matrixShape(shape);
  switch (storage.kind) {
    case 'dense': {
      const { dtype, bytes: source } = storage;
      const rowBytes = columns * denseBytes[dtype];
      return {
        kind: 'dense',
        dtype,
        values: await writer.write({ source, width: widths[dtype], rowBytes, group: `values ${dtype}` }),
      };
    }
    case 'affine': {
      const { scheme, levels, scales, zeroPoints } = storage;
      const groups = groupsPerRow(scheme, columns);
      const { dtype } = scales;
      return {
        kind: 'affine',
        scheme,
        levels: await writer.write({
          source: levels,
          width: 1,
          rowBytes: Math.ceil((columns * scheme.bits) / 32) * 4,
          group: 'levels',
        }),
        scaleDtype: dtype,
        scales: await writer.write({
          source: scales.bytes,
          width: widths[dtype],
          rowBytes: groups * denseBytes[dtype],
          group: `scales ${dtype}`,
        }),
        ...(zeroPoints === undefined
          ? {}
          : {
              zeroPoints: await writer.write({
                source: zeroPoints,
                width: 1,
                rowBytes: groups,
                group: 'zero points',
              }),
            }),
      };
    }
    case 'mixed-bits': {
      const { groupSize, minBits, codeBits, minimum, maximum, codes, levels } = storage;
      return {
        kind: 'mixed-bits',
        groupSize,
        minBits,
        codeBits,
        minimum,
        maximum,
        // One stream of bits, without rows.
        codes: await writer.write({ source: codes, width: 1, rowBytes: 1, group: 'levels' }),
        levels: await writer.write({ source: levels, width: 1, rowBytes: 1, group: 'levels' }),
      };
    }
  }
}
