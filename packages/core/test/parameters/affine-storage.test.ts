import { expect, test } from 'vitest';
import {
  type AffineScheme,
  affineStorage,
  affineStorageBytes,
  dequantizeWeight,
  type Granularity,
  quantizeWeight,
  Random,
  readParameter,
  storedBytes,
} from '../../src/index.js';

const granularities: readonly Granularity[] = [
  { kind: 'tensor' },
  { kind: 'channel' },
  { kind: 'group', groupSize: 8 },
];

test('a stored weight reads back as it was quantized, and takes the bytes the plan names', async () => {
  const random = new Random(1);
  for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
    for (const symmetric of [true, false]) {
      for (const granularity of granularities) {
        for (const scaleFormat of ['float32', 'float16', 'bfloat16'] as const) {
          const scheme: AffineScheme = { bits, symmetric, granularity };
          // 5 rows of 24: rows of 3, 5, 6 and 7 bits end inside a word.
          const weight = random.fillNormal(new Float32Array(5 * 24));
          const quantized = quantizeWeight(weight, 5, 24, scheme, { scaleFormat });
          const storage = affineStorage(quantized, scheme, [5, 24], scaleFormat);
          expect(await readParameter({ name: 'w', shape: [5, 24], storage })).toEqual(
            dequantizeWeight(quantized),
          );
          expect(storedBytes(storage)).toBe(affineStorageBytes(scheme, [5, 24], scaleFormat));
        }
      }
    }
  }
});
