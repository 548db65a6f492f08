import { registerCpuBackend } from '@tamp/backend-cpu';
import {
  type AffineScheme,
  dequantizeWeight,
  quantizeWeight,
  Random,
  type SecondMoments,
  secondMomentsObserver,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ColumnOrder, columnOrder } from '../src/factor/column-order.js';
import { type DampedFactor, dampedFactor } from '../src/factor/damped-factor.js';
import { gptqWeight } from '../src/quantize/gptq-weight.js';
import { outputEnergyLost } from '../src/quantize/output-loss.js';
import { correlatedInputs, outputError, secondMoments } from './correlated-inputs.js';
import { textbookGptq } from './textbook-gptq.js';

const [rows, columns, samples] = [24, 96, 400];
const weight = new Random(1).fillNormal(new Float32Array(rows * columns));
const x = correlatedInputs(samples, columns, 2);
const signal = new AbortController().signal;

async function hessianOf(inputs: Float32Array, width: number): Promise<SecondMoments> {
  const accumulator = secondMomentsObserver(width, 'layer');
  await accumulator.add(inputs);
  return accumulator.finish();
}

/** The factor of a Hessian that is no longer needed. */
async function factorOf(
  hessian: SecondMoments,
  order: ColumnOrder,
  groupSize: number,
  damping = 0.01,
): Promise<DampedFactor> {
  try {
    return await dampedFactor(hessian, columnOrder(hessian, order, groupSize), damping, 'layer');
  } finally {
    hessian.dispose();
  }
}

/** Second moments as they are given. */
function momentsOf(values: Float32Array, columns: number, rows: number): SecondMoments {
  const tensor = tf.tensor2d(values, [columns, columns]);
  return {
    columns,
    values: tensor,
    diagonal: Float32Array.from({ length: columns }, (_, i) => values[i * columns + i]),
    rows,
    dispose: () => tensor.dispose(),
  };
}

async function quantize(scheme: AffineScheme, order: ColumnOrder, blockSize = 32, mse = false) {
  const hessian = await hessianOf(x, columns);
  const groupSize = scheme.granularity.kind === 'group' ? scheme.granularity.groupSize : columns;
  const factor = await factorOf(hessian, order, groupSize);
  const { quantized, figures } = await gptqWeight(weight, rows, scheme, factor, {
    order,
    blockSize,
    importance: hessian.diagonal,
    layer: 'layer',
    signal,
    scaleFormat: 'float32',
    ...(mse ? { search: {} } : {}),
  });
  return { quantized, figures, factor };
}

// The same tests with the reference in TypeScript and with kernels.
describe.each(['cpu', 'tamp-cpu'])('on the backend %s', (backend) => {
  beforeAll(async () => {
    if (backend === 'tamp-cpu') await registerCpuBackend();
    await tf.setBackend(backend);
  });

  describe('the Hessian', () => {
    test('is that of all rows, however they come, more columns than one product holds included', async () => {
      const [wide, count] = [520, 30];
      const inputs = correlatedInputs(count, wide, 9);
      const whole = await hessianOf(inputs, wide);
      const accumulator = secondMomentsObserver(wide, 'layer');
      for (const [from, to] of [
        [0, 7],
        [7, 8],
        [8, 30],
      ]) {
        await accumulator.add(inputs.subarray(from * wide, to * wide));
      }
      const parts = await accumulator.finish();
      expect(parts.rows).toBe(count);
      const values = await whole.values.data();
      expect(await parts.values.data()).toEqual(values);
      expect(whole.diagonal).toEqual(Float32Array.from({ length: wide }, (_, i) => values[i * wide + i]));
      const exact = secondMoments(inputs, count, wide);
      let largest = 0;
      for (let i = 0; i < wide; i++) {
        for (let j = i; j < wide; j++) {
          const size = Math.sqrt(exact[i][i] * exact[j][j]);
          largest = Math.max(largest, Math.abs(values[i * wide + j] - exact[i][j]) / size);
        }
      }
      // Sums of 30 float32 products.
      expect(largest).toBeLessThan(30 * 6e-8);
      for (const moments of [whole, parts]) moments.dispose();
    });

    test('refuses NaN, naming the layer', async () => {
      const accumulator = secondMomentsObserver(2, 'model.layers.0.mlp.up_proj');
      await expect(accumulator.add(Float32Array.of(1, Number.NaN))).rejects.toThrow(
        'model.layers.0.mlp.up_proj: its input holds NaN or infinity on the calibration data',
      );
    });
  });

  describe('gptqWeight', () => {
    test('rounds as the paper does through the inverse Hessian', async () => {
      const scheme: AffineScheme = {
        bits: 4,
        symmetric: true,
        granularity: { kind: 'group', groupSize: 32 },
      };
      const { quantized, factor } = await quantize(scheme, 'static');
      const moments = secondMoments(x, samples, columns);
      const damped = moments.map((row, i) => row.map((value, j) => (i === j ? value + factor.added : value)));
      const reference = textbookGptq(weight, rows, damped, factor.order, scheme, quantized.scales);
      const different = reference.filter((level, i) => level !== quantized.levels[i]).length;
      // Float32 against doubles: a value that falls on the other side of a half moves what comes after it in its row.
      expect(different / reference.length).toBeLessThan(0.02);
    });

    test('with uncorrelated inputs of one size it rounds to nearest', async () => {
      const scheme: AffineScheme = { bits: 3, symmetric: false, granularity: { kind: 'channel' } };
      const values = new Float32Array(columns * columns);
      for (let i = 0; i < columns; i++) values[i * columns + i] = 2;
      const factor = await factorOf(momentsOf(values, columns, 1), 'static', columns);
      const { quantized } = await gptqWeight(weight, rows, scheme, factor, {
        order: 'static',
        blockSize: 40,
        importance: new Float32Array(columns).fill(2),
        layer: 'layer',
        signal,
        scaleFormat: 'float32',
      });
      expect(quantized).toEqual(quantizeWeight(weight, rows, columns, scheme));
    });

    test('outputs change less than with rounding to nearest, whatever the scheme and the order', async () => {
      const tensors = tf.memory().numTensors;
      for (const bits of [2, 3, 4, 6, 8]) {
        for (const symmetric of [true, false]) {
          for (const granularity of [
            { kind: 'group', groupSize: 24 },
            { kind: 'channel' },
            { kind: 'tensor' },
          ] as const) {
            const scheme: AffineScheme = { bits, symmetric, granularity };
            const nearest = dequantizeWeight(quantizeWeight(weight, rows, columns, scheme));
            const before = outputError(x, weight, nearest, rows, columns);
            for (const order of ['none', 'static', 'group'] as const) {
              const { quantized, factor } = await quantize(scheme, order);
              factor.dispose();
              const after = outputError(x, weight, dequantizeWeight(quantized), rows, columns);
              expect([bits, symmetric, granularity.kind, order, after < 0.8 * before]).toEqual([
                bits,
                symmetric,
                granularity.kind,
                order,
                true,
              ]);
            }
          }
        }
      }
      expect(tf.memory().numTensors).toBe(tensors);
    });

    test('range search with the inputs in mind lowers the error further at 3 bits', async () => {
      const scheme: AffineScheme = {
        bits: 3,
        symmetric: true,
        granularity: { kind: 'group', groupSize: 24 },
      };
      const errors = await Promise.all(
        [false, true].map(async (mse) => {
          const { quantized } = await quantize(scheme, 'static', 32, mse);
          return outputError(x, weight, dequantizeWeight(quantized), rows, columns);
        }),
      );
      expect(errors[1]).toBeLessThan(0.9 * errors[0]);
    });

    test('the size of blocks changes speed, not results, but for the last bits of sums', async () => {
      const scheme: AffineScheme = {
        bits: 4,
        symmetric: true,
        granularity: { kind: 'group', groupSize: 32 },
      };
      for (const order of ['static', 'group'] as const) {
        const [small, large] = [await quantize(scheme, order, 8), await quantize(scheme, order, 96)];
        const different = small.quantized.levels.filter(
          (level, i) => level !== large.quantized.levels[i],
        ).length;
        expect(different / (rows * columns)).toBeLessThan(0.02);
      }
    });

    test('the share of energy lost is what the outputs show', async () => {
      const scheme: AffineScheme = {
        bits: 3,
        symmetric: true,
        granularity: { kind: 'group', groupSize: 32 },
      };
      const { quantized, figures, factor } = await quantize(scheme, 'static');
      const values = dequantizeWeight(quantized);
      const lost = await outputEnergyLost(weight, figures, rows, factor);
      factor.dispose();
      const energy = outputError(x, weight, new Float32Array(weight.length), rows, columns);
      // The damping is taken off again in float32, which leaves about 1e-4 of a small difference.
      expect(lost / (outputError(x, weight, values, rows, columns) / energy)).toBeCloseTo(1, 3);
    });

    test('columns whose input is always 0 are rounded to nearest and burden no other', async () => {
      const dead = 17;
      const inputs = x.map((value, i) => (i % columns === dead ? 0 : value));
      const hessian = await hessianOf(inputs, columns);
      const factor = await factorOf(hessian, 'static', 32);
      const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } };
      const { quantized } = await gptqWeight(weight, rows, scheme, factor, {
        order: 'static',
        blockSize: 32,
        importance: hessian.diagonal,
        layer: 'layer',
        signal,
        scaleFormat: 'float32',
      });
      const nearest = quantizeWeight(weight, rows, columns, scheme);
      for (let row = 0; row < rows; row++) {
        expect(quantized.levels[row * columns + dead]).toBe(nearest.levels[row * columns + dead]);
      }
    });
  });

  describe('damping', () => {
    test('grows until the Hessian is positive definite, and the result says so', async () => {
      // Three rows cannot span 96 columns.
      const hessian = await hessianOf(x.subarray(0, 3 * columns), columns);
      const order = columnOrder(hessian, 'static', 32);
      const asked = await dampedFactor(hessian, order, 0.01, 'layer');
      expect(asked.damping).toBe(0.01);
      const grown = await dampedFactor(hessian, order, 0, 'layer');
      expect(grown.damping).toBeGreaterThanOrEqual(1e-4);
      hessian.dispose();
    });

    test('is given up with advice when no amount helps', async () => {
      const values = Float32Array.of(1, 1e30, 1e30, 1);
      await expect(
        dampedFactor(momentsOf(values, 2, 5), Int32Array.of(0, 1), 0.01, 'model.layers.3.mlp.down_proj'),
      ).rejects.toThrow(
        /^model\.layers\.3\.mlp\.down_proj: the Hessian .* even with a damping of 1000\. Give more calibration data \(5 rows were seen for 2 columns\)/,
      );
    });
  });
});

test('group order keeps groups together', async () => {
  const hessian = momentsOf(Float32Array.from(secondMoments(x, samples, columns).flat()), columns, samples);
  const order = Array.from(columnOrder(hessian, 'group', 24), (column) => Math.floor(column / 24));
  const changes = order.filter((group, i) => i > 0 && group !== order[i - 1]).length;
  expect(changes).toBe(3);
  expect([...columnOrder(hessian, 'none', 24)]).toEqual(order.map((_, i) => i));
  hessian.dispose();
});
