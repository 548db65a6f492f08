import {
  dequantizeWeightTensor,
  disposeOperand,
  type Granularity,
  gatherRows,
  groupwiseLinear,
  type Int8Activation,
  int8Linear,
  isTampError,
  type PlainQuantizedWeight,
  packWeights,
  type QuantizedOperand,
  type WeightLayout,
} from '@tamp/core';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, expectSame, expectWithin, referenceBackend, valuesOn } from './check.js';
import { randomWeight, type WeightCase } from './random-weight.js';

/** The values of `compute` with a weight packed for the backend. */
async function withWeight(
  backend: string,
  weight: PlainQuantizedWeight,
  layout: WeightLayout,
  compute: (operand: QuantizedOperand) => tf.Tensor,
): Promise<Float32Array> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const operand = packWeights(weight, layout);
  const values = await valuesOn(backend, () => compute(operand));
  disposeOperand(operand);
  if (tf.memory().numTensors !== before) throw new Error(`${backend} leaves tensors of the weight`);
  return values;
}

const activations: readonly Int8Activation[] = [
  { kind: 'token' },
  { kind: 'tensor', reduceRange: false },
  { kind: 'tensor', reduceRange: true },
  { kind: 'static', reduceRange: false, scale: 0.011, zeroPoint: 133 },
  { kind: 'static', reduceRange: true, scale: 0.017, zeroPoint: 61 },
];

const int8Layers: Check = {
  name: 'int8 linear layers: the epilogue of equal accumulators',
  async run(backend) {
    const random = randomSource(21);
    for (let i = 0; i < 40; i++) {
      const activation = activations[i % activations.length];
      const weight = randomWeight(random, {
        bits: 8,
        rows: integer(random, 1, 150),
        columns: i % 7 === 0 ? integer(random, 700, 2000) : integer(random, 1, 150),
        granularity: { kind: 'channel' },
        symmetric: i % 2 === 0,
      });
      const m = i % 3 === 0 ? integer(random, 9, 90) : integer(random, 1, 8);
      // Values far out of a static range must clamp, not wrap.
      const x = uniformValues(random, m * weight.columns).map((v) => v * (i % 11 === 0 ? 1e7 : 2));
      const bias = i % 3 === 0 ? undefined : uniformValues(random, weight.rows);
      const on = (name: string): Promise<Float32Array> =>
        withWeight(name, weight, 'int8', (operand) =>
          int8Linear(
            tf.tensor2d(x, [m, weight.columns]),
            operand,
            bias === undefined ? undefined : tf.tensor1d(bias),
            activation,
          ),
        );
      const expected = await on(referenceBackend);
      // Accumulators are equal; a product and a sum in float32 are within 1e-6 · (|acc · s| + |bias|).
      const bound = (at: number): number => {
        const shift = bias?.[at % weight.rows] ?? 0;
        return 1e-6 * (Math.abs(expected[at] - shift) + Math.abs(shift));
      };
      expectWithin(await on(backend), expected, bound, () =>
        JSON.stringify({ activation, m, rows: weight.rows, columns: weight.columns }),
      );
    }
  },
};

const zeroInput: Check = {
  name: 'an all-zero input gives the bias',
  async run(backend) {
    const weight = randomWeight(randomSource(22), {
      bits: 8,
      rows: 5,
      columns: 9,
      granularity: { kind: 'channel' },
      symmetric: true,
    });
    for (const activation of activations) {
      const values = await withWeight(backend, weight, 'int8', (operand) =>
        int8Linear(tf.zeros([3, 9]), operand, tf.tensor1d([1, 2, 3, 4, 5]), activation),
      );
      expectSame(values, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5], () => JSON.stringify(activation));
    }
  },
};

const notFinite: Check = {
  name: 'int8 layers of inputs that are not finite: NaN where there is no scale, the same levels elsewhere',
  async run(backend) {
    const [rows, columns, m] = [5, 21, 3];
    const weight = randomWeight(randomSource(24), {
      bits: 8,
      rows,
      columns,
      granularity: { kind: 'channel' },
      symmetric: true,
    });
    const finite = uniformValues(randomSource(25), m * columns);
    const on = (name: string, x: Float32Array, activation: Int8Activation): Promise<Float32Array> =>
      withWeight(name, weight, 'int8', (operand) =>
        int8Linear(tf.tensor2d(x, [m, columns]), operand, undefined, activation),
      );
    for (const activation of activations) {
      const whole = await on(referenceBackend, finite, activation);
      for (const value of [Number.NaN, Infinity, -Infinity]) {
        // In a vector of the middle row, and in its tail.
        for (const column of [2, columns - 1]) {
          const x = finite.slice();
          x[columns + column] = value;
          const label = (): string => JSON.stringify({ activation, value: String(value), column });
          if (activation.kind === 'static') {
            const expected = await on(referenceBackend, x, activation);
            // NaN has the smallest level, infinities saturate.
            const clamped = x.slice();
            clamped[columns + column] = value > 0 ? 1e6 : -1e6;
            expectSame(expected, await on(referenceBackend, clamped, activation), label);
            // As in the other checks of static scales: a product in float32.
            const values = await on(backend, x, activation);
            expectWithin(values, expected, (i) => 1e-6 * Math.abs(expected[i]), label);
          } else if (activation.kind === 'token') {
            const values = await on(backend, x, activation);
            const row = values.subarray(rows, 2 * rows);
            if (!row.every(Number.isNaN)) throw new Error(`${label()}: ${row.join(' ')}`);
            const others = (all: Float32Array): number[] => [...all.slice(0, rows), ...all.slice(2 * rows)];
            const [seen, expected] = [others(values), others(whole)];
            expectWithin(seen, expected, (i) => 1e-6 * Math.abs(expected[i]), label);
          } else {
            // A GPU cannot tell before the call returns.
            const outcome = await on(backend, x, activation).catch((error: unknown) => error);
            const refused = isTampError(outcome) && outcome.code === 'data';
            const allNaN = outcome instanceof Float32Array && outcome.every(Number.isNaN);
            if (!(backend === 'webgpu' ? allNaN : refused)) throw new Error(`${label()}: ${String(outcome)}`);
          }
        }
      }
    }
  },
};

function groupwiseCases(random: () => number, count: number): WeightCase[] {
  return Array.from({ length: count }, (_, i): WeightCase => {
    const groupSize = [32, 64, 128, 256, 16, 20, 7, 8][i % 8];
    const perChannel = i % 5 === 0;
    return {
      bits: 2 + (i % 7),
      rows: i % 6 === 0 ? integer(random, 70, 140) : integer(random, 1, 40),
      columns: perChannel ? integer(random, 1, 300) : groupSize * integer(random, 1, i % 9 === 0 ? 9 : 3),
      granularity: perChannel ? { kind: 'channel' } : { kind: 'group', groupSize },
      symmetric: i % 2 === 0,
    };
  });
}

function groupwiseLayers(activation: 'float' | 'int8-block'): Check {
  return {
    name: `group-wise linear layers with ${activation} activations: 1e-5 of the terms' sum`,
    async run(backend) {
      const random = randomSource(23);
      // Each number of bits with each height of the input: most cases are a pipeline to compile.
      for (const [i, c] of groupwiseCases(random, 28).entries()) {
        const weight = randomWeight(random, c);
        const m = [1, 1, integer(random, 2, 8), integer(random, 9, 80)][i % 4];
        const x = uniformValues(random, m * c.columns);
        const bias = i % 3 === 0 ? undefined : uniformValues(random, c.rows);
        const on = (name: string, input: Float32Array, form: typeof activation): Promise<Float32Array> =>
          withWeight(name, weight, 'groupwise', (operand) =>
            groupwiseLinear(
              tf.tensor2d(input, [m, c.columns]),
              operand,
              bias === undefined ? undefined : tf.tensor1d(bias),
              form,
            ),
          );
        const expected = await on(referenceBackend, x, activation);
        // The bound is relative to the sum of the terms' magnitudes: terms that cancel leave their errors.
        const table = await withWeight(referenceBackend, weight, 'rows', dequantizeWeightTensor);
        const magnitude = new Float64Array(m * c.rows);
        for (let at = 0; at < magnitude.length; at++) {
          const [row, channel] = [Math.floor(at / c.rows), at % c.rows];
          magnitude[at] = Math.abs(bias?.[channel] ?? 0);
          for (let k = 0; k < c.columns; k++) {
            magnitude[at] += Math.abs(x[row * c.columns + k] * table[channel * c.columns + k]);
          }
        }
        expectWithin(
          await on(backend, x, activation),
          expected,
          (at) => 1e-5 * magnitude[at],
          () => JSON.stringify({ ...c, m }),
        );
      }
    },
  };
}

const rowsAndWholes: Check = {
  name: 'rows of a packed table and whole weights dequantize to the same bits',
  async run(backend) {
    const random = randomSource(24);
    for (const c of groupwiseCases(random, 35)) {
      const weight = randomWeight(random, c);
      const ids = Int32Array.from({ length: 9 }, () => integer(random, 0, c.rows - 1));
      for (const compute of [
        (operand: QuantizedOperand) => gatherRows(tf.tensor2d(ids, [3, 3], 'int32'), operand),
        dequantizeWeightTensor,
      ]) {
        const expected = await withWeight(referenceBackend, weight, 'rows', compute);
        expectSame(await withWeight(backend, weight, 'rows', compute), expected, () => JSON.stringify(c));
      }
    }
  },
};

const everyScheme: Check = {
  name: 'every scheme runs like the reference or is refused by name',
  async run(backend) {
    const random = randomSource(25);
    const granularities: Granularity[] = [
      { kind: 'tensor' },
      { kind: 'channel' },
      { kind: 'group', groupSize: 16 },
    ];
    const layouts: readonly WeightLayout[] = ['groupwise', 'int8', 'rows'];
    const x = uniformValues(random, 2 * 48);
    const outcome = async (name: string, weight: PlainQuantizedWeight, layout: WeightLayout) => {
      try {
        return await withWeight(name, weight, layout, (operand) => {
          if (layout === 'rows') return dequantizeWeightTensor(operand);
          const input = tf.tensor2d(x, [2, 48]);
          return layout === 'int8'
            ? int8Linear(input, operand, undefined, { kind: 'token' })
            : groupwiseLinear(input, operand, undefined);
        });
      } catch (error) {
        if (isTampError(error) && error.code === 'unsupported') return error.message;
        throw error;
      }
    };
    for (let bits = 2; bits <= 8; bits++) {
      for (const granularity of granularities) {
        for (const symmetric of [true, false]) {
          const weight = randomWeight(random, { bits, rows: 6, columns: 48, granularity, symmetric });
          for (const layout of layouts) {
            const expected = await outcome(referenceBackend, weight, layout);
            const actual = await outcome(backend, weight, layout);
            const label = (): string => JSON.stringify({ bits, granularity, symmetric, layout });
            if (typeof expected === 'string') {
              if (actual !== expected) throw new Error(`${label()}: ${actual} for ${expected}`);
              if (!expected.includes(`W${bits}`))
                throw new Error(`${label()}: "${expected}" names no scheme`);
              continue;
            }
            if (typeof actual === 'string') throw new Error(`${label()}: ${actual}`);
            // 48 terms of at most 1 · 256 · 0.021, summed in float32.
            expectWithin(actual, expected, () => 48 * 256 * 0.021 * 48 * 2 ** -24, label);
          }
        }
      }
    }
  },
};

/** Checks of the kernels on packed weights, for any backend that has them. */
export const quantizedChecks: readonly Check[] = [
  int8Layers,
  zeroInput,
  notFinite,
  groupwiseLayers('float'),
  groupwiseLayers('int8-block'),
  rowsAndWholes,
  everyScheme,
];
