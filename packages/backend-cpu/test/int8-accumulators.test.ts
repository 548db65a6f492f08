import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CpuBackend, supportedSimdVariants } from '../src/index.js';
import { allBackends } from './backends.js';
import { firstWrongSum, firstWrongWideSum, sumCases } from './body/int8-sums.js';

const variants = await supportedSimdVariants();

describe('int8 accumulators', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  it(`are the same integers as plain arithmetic in every variant, over ${sumCases.length} shapes`, () => {
    expect(firstWrongSum(backends)).toBeUndefined();
  });

  // Engines without relaxed SIMD lack them; Chromium runs them in any case: see chromium.test.ts.
  if (variants.includes('relaxed')) {
    it('are the same in the tiles for processors with AVX-VNNI where others are exact too', () => {
      const relaxed = backends.find(({ simd }) => simd === 'relaxed');
      if (relaxed === undefined) throw new Error('no backend runs relaxed SIMD');
      expect(firstWrongWideSum(relaxed, { unsigned: process.arch === 'x64' })).toBeUndefined();
    });
  }
});
