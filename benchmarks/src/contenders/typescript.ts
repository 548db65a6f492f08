import { int8LinearReference, quantizePerTensor } from '@tamp/core';
import { type CaseData, floatWeight } from '../case-data.js';
import type { ProductCase } from '../cases.js';
import type { Prepared } from '../prepared.js';

/** Plain loops: core's reference of the int8 layer, and the float32 product. */
export function prepareTypescript(benchmark: ProductCase, data: CaseData): Prepared {
  const { m, k, n } = benchmark;
  if (benchmark.kind === 'int8') {
    const words = new Int32Array(Uint8Array.from(data.levels, (level) => level + 128).buffer);
    const weight = { words, rows: n, columns: k, scales: data.scales, zeroPoints: undefined };
    const scale = data.x.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0) / 127.5;
    return {
      step: () =>
        int8LinearReference(quantizePerTensor(data.x, m, Math.fround(scale), 128, 255), m, weight, data.bias),
      release() {},
    };
  }
  const weight = floatWeight(data);
  return {
    step() {
      const out = new Float32Array(m * n);
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          let sum = data.bias[column] ?? 0;
          for (let i = 0; i < k; i++) sum += (data.x[row * k + i] ?? 0) * (weight[column * k + i] ?? 0);
          out[row * n + column] = sum;
        }
      }
      return out;
    },
    release() {},
  };
}
