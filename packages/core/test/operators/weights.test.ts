import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AffineScheme,
  affineStorage,
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  dequantizeWeight,
  type Int8Activation,
  operators,
  quantizeWeight,
  Random,
} from '../../src/index.js';
import { expectClose } from './expect-close.js';
import { runWithParameters, type StoredOperand } from './run-operator.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const [rows, columns] = [10, 64];

function values(seed: number, length: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.between(-1, 1));
}

function dense(shape: readonly number[], numbers: Float32Array): StoredOperand {
  return { shape, storage: denseStorage(numbers) };
}

/** A quantized weight as a parameter, and the values it stands for. */
function quantized(scheme: AffineScheme): { operand: StoredOperand; exact: Float32Array } {
  const weight = quantizeWeight(values(1, rows * columns), rows, columns, scheme);
  const operand = { shape: [rows, columns], storage: affineStorage(weight, scheme, [rows, columns]) };
  return { operand, exact: dequantizeWeight(weight) };
}

/** x · weightᵀ + bias in double precision. */
function product(x: ArrayLike<number>, weight: ArrayLike<number>, bias?: Float32Array): number[] {
  const result: number[] = [];
  for (let m = 0; m < x.length / columns; m++) {
    for (let n = 0; n < rows; n++) {
      let sum = bias?.[n] ?? 0;
      for (let k = 0; k < columns; k++) sum += x[m * columns + k] * weight[n * columns + k];
      result.push(sum);
    }
  }
  return result;
}

const schemes: readonly AffineScheme[] = [2, 3, 4, 5, 8].flatMap((bits) =>
  [true, false].flatMap((symmetric): AffineScheme[] => [
    { bits, symmetric, granularity: { kind: 'group', groupSize: 16 } },
    { bits, symmetric, granularity: { kind: 'channel' } },
    { bits, symmetric, granularity: { kind: 'tensor' } },
  ]),
);

describe('linear', () => {
  it('multiplies by the transposed weight and adds the bias, over any leading dimensions', async () => {
    const x = values(2, 6 * columns);
    const weight = values(3, rows * columns);
    const bias = values(4, rows);
    const operands = [dense([rows, columns], weight), dense([rows], bias)];
    const actual = await runWithParameters('linear', tf.tensor(x, [2, 3, columns]), operands);
    // 64 products of magnitude 1 summed in float32.
    expectClose(actual, product(x, weight, bias), 1e-5);
  });

  it.each(schemes)(
    'runs a packed weight: $bits bits, symmetric $symmetric, $granularity.kind',
    async (scheme) => {
      const { operand, exact } = quantized(scheme);
      const x = values(5, 3 * columns);
      const bias = values(6, rows);
      const input = tf.tensor(x, [1, 3, columns]);
      const actual = await runWithParameters('linear', input, [operand, dense([rows], bias)]);
      // The same dequantized numbers, summed in another order.
      expectClose(actual, product(x, exact, bias), 1e-5);
    },
  );

  it('also quantizes its input in blocks when asked to', async () => {
    const { operand, exact } = quantized({
      bits: 4,
      symmetric: true,
      granularity: { kind: 'group', groupSize: 32 },
    });
    const x = values(7, 2 * columns);
    const rounded = Array.from(x, (value, at) => {
      const block = x.subarray(at - (at % 32), at - (at % 32) + 32);
      const scale = Math.fround(Math.max(...block.map(Math.abs)) / 127);
      return Math.round(value / scale) * scale;
    });
    const actual = await runWithParameters('linear', tf.tensor(x, [2, columns]), [operand], {
      activation: 'int8-block',
    });
    expectClose(actual, product(rounded, exact), 1e-5);
    // The rounding must show: else the attribute had no effect.
    expect(Math.max(...actual.map((value, i) => Math.abs(value - product(x, exact)[i])))).toBeGreaterThan(
      1e-4,
    );
  });

  it('names the layer whose weight does not fit', () => {
    const type = (shape: number[]): { dtype: 'float32'; shape: number[] } => ({ dtype: 'float32', shape });
    expect(() => operators.infer('linear', [type([1, 4]), type([2, 3])], {}, 'model.lm_head')).toThrow(
      'model.lm_head: linear: the input is 4 wide, the weight 3',
    );
  });
});

describe('embedding', () => {
  const ids = [3, 0, 9, 3];
  const lookUp = (table: Float32Array): number[] =>
    ids.flatMap((id) => Array.from(table.subarray(id * columns, (id + 1) * columns)));

  it('gathers rows of a dense table exactly', async () => {
    const table = values(8, rows * columns);
    const actual = await runWithParameters('embedding', tf.tensor(ids, [2, 2], 'int32'), [
      dense([rows, columns], table),
    ]);
    expect(Array.from(actual)).toEqual(lookUp(table));
  });

  it.each(schemes)(
    'gathers rows of a packed table exactly: $bits bits, symmetric $symmetric, $granularity.kind',
    async (scheme) => {
      const { operand, exact } = quantized(scheme);
      const actual = await runWithParameters('embedding', tf.tensor(ids, [1, 4], 'int32'), [operand]);
      expect(Array.from(actual)).toEqual(lookUp(exact));
    },
  );

  it('shares a quantized table with a linear layer, as tied embeddings do', async () => {
    const scheme: AffineScheme = { bits: 4, symmetric: false, granularity: { kind: 'group', groupSize: 32 } };
    const { operand, exact } = quantized(scheme);
    const builder = createGraphBuilder();
    const table = builder.parameter('table', [rows, columns]);
    const input = builder.input('ids', { dtype: 'int32', shape: [null, null] });
    const rowsOfIds = builder.apply('embedding', [input, table]);
    builder.output('logits', builder.apply('linear', [rowsOfIds, table]));
    const runner = createModelRunner({
      graph: builder.build(),
      parameters: new Map([['table', { name: 'table', ...operand }]]),
      architecture: 'test',
      config: {},
      assets: new Map(),
    });
    const x = tf.tensor(ids, [1, 4], 'int32');
    const { logits } = await runner.run({ ids: x });
    expectClose(await logits.data(), product(lookUp(exact), exact), 1e-5);
    tf.dispose([x, logits]);
    runner.dispose();
  });
});

describe('an operator that cannot use a packed weight', () => {
  it('gets it dequantized in its own shape', async () => {
    const scheme: AffineScheme = { bits: 8, symmetric: true, granularity: { kind: 'channel' } };
    const shape = [2, 1, 2, 2];
    const weight = quantizeWeight(values(9, 8), 2, 4, scheme);
    const exact = dequantizeWeight(weight);
    const image = tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]);
    const operand = { shape, storage: affineStorage(weight, scheme, shape) };
    const actual = await runWithParameters('conv2d', image, [operand], { stride: 1, padding: 0 });
    // One sum of two float32 numbers per channel.
    expectClose(actual, [exact[0] + exact[3], exact[4] + exact[7]], 1e-6);
  });
});

describe('int8_linear', () => {
  const x = values(10, 3 * columns);
  const bias = values(11, rows);

  /** Rounds half to even, written apart from the library's own. */
  const nearest = (value: number): number => {
    const floor = Math.floor(value);
    const rest = value - floor;
    return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  };

  /** The input as the layer sees it, one row after the other. */
  function roundInput(activation: Int8Activation): number[] {
    if (activation.kind === 'token') {
      return Array.from(x, (value, at) => {
        const row = x.subarray(at - (at % columns), at - (at % columns) + columns);
        const scale = Math.fround(Math.max(...row.map(Math.abs)) / 127.5);
        return Math.max(-128, Math.min(127, nearest(Math.fround(value * Math.fround(1 / scale))))) * scale;
      });
    }
    if (activation.kind !== 'static')
      throw new Error('only activations whose rule is short are checked here');
    const top = activation.reduceRange ? 127 : 255;
    return Array.from(x, (value) => {
      const level = nearest(Math.fround(value * Math.fround(1 / activation.scale))) + activation.zeroPoint;
      return (Math.max(0, Math.min(top, level)) - activation.zeroPoint) * activation.scale;
    });
  }

  const scale = Math.fround(0.008);
  const activations: readonly Int8Activation[] = [
    { kind: 'token' },
    { kind: 'static', reduceRange: false, scale, zeroPoint: 128 },
    { kind: 'static', reduceRange: true, scale: Math.fround(0.016), zeroPoint: 60 },
  ];

  it.each(
    activations.flatMap((activation) =>
      [true, false].flatMap((symmetric) =>
        (['channel', 'tensor'] as const).map((kind) => ({ activation, symmetric, kind })),
      ),
    ),
  )('multiplies levels exactly: $activation, weight symmetric $symmetric per $kind', async (one) => {
    const { operand, exact } = quantized({
      bits: 8,
      symmetric: one.symmetric,
      granularity: { kind: one.kind },
    });
    const actual = await runWithParameters(
      'int8_linear',
      tf.tensor(x, [3, columns]),
      [operand, dense([rows], bias)],
      { activation: { ...one.activation } },
    );
    // Integers are exact; the result is rounded to float32 three times at magnitudes up to 10.
    expectClose(actual, product(roundInput(one.activation), exact, bias), 5e-6);
  });

  it('refuses a dense weight and one of fewer bits, with a remedy', async () => {
    const attributes = { activation: { kind: 'token' } };
    const input = (): tf.Tensor => tf.tensor(x, [3, columns]);
    const weight = dense([rows, columns], values(12, rows * columns));
    await expect(runWithParameters('int8_linear', input(), [weight], attributes)).rejects.toThrow(
      'int8_linear needs a quantized weight. Quantize the weight to 8 bits',
    );
    const { operand } = quantized({ bits: 4, symmetric: true, granularity: { kind: 'channel' } });
    await expect(runWithParameters('int8_linear', input(), [operand], attributes)).rejects.toThrow(
      'cannot use a weight quantized as W4 channel sym',
    );
  });
});
