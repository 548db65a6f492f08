import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CpuBackend, Float64Matrix } from '../src/index.js';
import { allBackends } from './backends.js';
import { randomSource, uniformValues } from './random.js';

/** a · b of n × n matrices, in plain float64. */
function multiply(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const v = a[i * n + k] ?? 0;
      for (let j = 0; j < n; j++) out[i * n + j] = (out[i * n + j] ?? 0) + v * (b[k * n + j] ?? 0);
    }
  }
  return out;
}

function transposed(a: Float64Array, n: number): Float64Array {
  return a.map((_, at) => a[(at % n) * n + Math.floor(at / n)] ?? 0);
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((largest, v, i) => Math.max(largest, Math.abs(v - (b[i] ?? Number.NaN))), 0);
}

const random = randomSource(51);

describe('Float64Matrix', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  for (const n of [1, 5, 33, 130]) {
    it(`accumulates xᵀx, factors it and inverts the factor, ${n} × ${n}`, async () => {
      const batches = [n + 7, 3].map((m) => ({ m, values: uniformValues(random, m * n) }));
      const gram = new Float64Array(n * n);
      for (const { m, values } of batches) {
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let k = 0; k < m; k++) sum += (values[k * n + i] ?? 0) * (values[k * n + j] ?? 0);
            gram[i * n + j] = (gram[i * n + j] ?? 0) + sum;
          }
        }
      }
      const damped = gram.map((v, at) => v + (at % (n + 1) === 0 ? 0.25 : 0));
      let first: { factor: Float64Array; inverse: Float64Array } | undefined;
      for (const { name, backend } of backends) {
        await tf.setBackend(name);
        const blocks = backend.runtime.heap.blocks;
        const sum = Float64Matrix.zeros(backend, n);
        for (const { m, values } of batches) {
          const x = tf.tensor2d(values, [m, n]);
          sum.addGram(x);
          x.dispose();
        }
        // The same products in the same order: the same bits.
        expect(sum.values()).toEqual(gram);
        sum.addDiagonal(0.25);
        const factor = sum.cholesky();
        const inverse = factor.invertLowerTransposed();
        const l = factor.values();
        const result = { factor: l, inverse: inverse.values() };
        for (const matrix of [sum, factor, inverse]) matrix.dispose();
        expect(backend.runtime.heap.blocks).toBe(blocks);
        // Lower triangular; its product is the matrix up to n float64 roundings of elements below n + 11.
        expect(l.every((v, at) => v === 0 || at % n <= Math.floor(at / n))).toBe(true);
        expect(largestDifference(multiply(l, transposed(l, n), n), damped)).toBeLessThan(
          n * (n + 11) * 2 ** -52,
        );
        // L · L⁻¹ is the identity; the pivots are at least √0.25, so errors grow by less than 2n.
        const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
        const product = multiply(l, transposed(result.inverse, n), n);
        expect(largestDifference(product, identity)).toBeLessThan(2 * n * n * 2 ** -52);
        if (first === undefined) first = result;
        else expect(result).toEqual(first);
      }
    });
  }

  it('refuses what has no factor, and leaks nothing', () => {
    for (const { backend } of backends) {
      const blocks = backend.runtime.heap.blocks;
      const matrix = Float64Matrix.from(backend, Float64Array.of(1, 2, 2, 1));
      expect(() => matrix.cholesky()).toThrow(/not positive definite \(at column 1\)/);
      matrix.dispose();
      expect(() => matrix.values()).toThrow(/was disposed/);
      expect(() => Float64Matrix.zeros(backend, 0)).toThrow(/0 rows/);
      expect(backend.runtime.heap.blocks).toBe(blocks);
    }
  });
});
