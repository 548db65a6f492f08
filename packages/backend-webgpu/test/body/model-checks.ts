import {
  type AffineScheme,
  affineStorage,
  createGraphBuilder,
  createModelRunner,
  type Granularity,
  isTampError,
  type Model,
  mixedBitsStorage,
  type ParameterStorage,
  quantizeWeight,
} from '@tamp/core';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, expectWithin, referenceBackend } from './check.js';

const rows = 6;
const columns = 48;

/** Every quantized storage that core defines, by what to call it. */
function everyStorage(seed: number): ReadonlyMap<string, { storage: ParameterStorage; packed: boolean }> {
  const random = randomSource(seed);
  const values = uniformValues(random, rows * columns);
  const storages = new Map<string, { storage: ParameterStorage; packed: boolean }>();
  const granularities: Granularity[] = [
    { kind: 'tensor' },
    { kind: 'channel' },
    { kind: 'group', groupSize: 16 },
  ];
  for (let bits = 2; bits <= 8; bits++) {
    for (const granularity of granularities) {
      for (const symmetric of [true, false]) {
        const scheme: AffineScheme = { bits, symmetric, granularity };
        const weight = quantizeWeight(values, rows, columns, scheme);
        const name = `W${bits} ${granularity.kind} ${symmetric ? 'sym' : 'asym'}`;
        storages.set(name, { storage: affineStorage(weight, scheme, [rows, columns]), packed: true });
      }
    }
  }
  const bits = Uint8Array.from({ length: (rows * columns) / 8 }, () => integer(random, 2, 15));
  const levels = Uint16Array.from({ length: rows * columns }, (_, i) =>
    integer(random, 0, 2 ** bits[i >> 3] - 1),
  );
  const range = { min: -0.7, max: 0.9 };
  storages.set('mixed bits', {
    storage: mixedBitsStorage({ levels, bits, minBits: 2, range }),
    packed: false,
  });
  return storages;
}

/** A model of one operator on one weight. */
function oneOperator(operator: 'linear' | 'int8_linear' | 'embedding', storage: ParameterStorage): Model {
  const builder = createGraphBuilder();
  const weight = builder.parameter('w', [rows, columns]);
  const input =
    operator === 'embedding'
      ? builder.input('x', { dtype: 'int32', shape: [null] })
      : builder.input('x', { dtype: 'float32', shape: [null, columns] });
  builder.output(
    'y',
    operator === 'embedding'
      ? builder.apply(operator, [input, weight])
      : builder.apply(
          operator,
          [input, weight],
          operator === 'linear' ? {} : { activation: { kind: 'token' } },
        ),
  );
  return {
    graph: builder.build(),
    parameters: new Map([['w', { name: 'w', shape: [rows, columns], storage }]]),
    architecture: 'Test',
    config: {},
    assets: new Map(),
  };
}

/** What a model gives on the current backend: numbers, or the message of its refusal. */
async function runOrRefusal(model: Model): Promise<Float32Array | string> {
  const runner = createModelRunner(model);
  const ids = model.graph.nodes.some((node) => node.kind === 'operator' && node.operator === 'embedding');
  const x = ids
    ? tf.tensor1d([4, 0, 5], 'int32')
    : tf.tensor2d(uniformValues(randomSource(3), 2 * columns), [2, columns]);
  try {
    const { y } = await runner.run({ x });
    const values = Float32Array.from(await y.data());
    y.dispose();
    return values;
  } catch (error) {
    if (isTampError(error) && error.code === 'unsupported') return error.message;
    throw error;
  } finally {
    runner.dispose();
    x.dispose();
  }
}

/** {@link runOrRefusal} on a backend; no tensor may be left on it. */
async function outcome(backend: string, model: Model): Promise<Float32Array | string> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const result = await runOrRefusal(model);
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${backend} leaves ${left} tensors`);
  return result;
}

/** Runs each storage under each operator; `compare` gets what the reference gives and what the backend gives. */
async function overEveryStorage(
  backend: string,
  compare: (
    label: string,
    expected: Float32Array | string,
    actual: Float32Array | string,
    packed: boolean,
  ) => void,
): Promise<void> {
  for (const [name, { storage, packed }] of everyStorage(41)) {
    for (const operator of ['linear', 'int8_linear', 'embedding'] as const) {
      if (operator === 'int8_linear' && !packed) continue;
      const model = oneOperator(operator, storage);
      const expected = await outcome(referenceBackend, model);
      compare(`${operator} ${name}`, expected, await outcome(backend, model), packed);
    }
  }
}

// Sums of 48 products of at most 1 in float32, in any order.
const sumBound = 48 * 48 * 2 ** -24;

/** Models of every storage of core, for backends with kernels for packed weights. */
export const modelChecks: readonly Check[] = [
  {
    name: 'a model of every storage runs like the reference or is refused by the scheme’s name',
    async run(backend) {
      let refused = 0;
      await overEveryStorage(backend, (label, expected, actual) => {
        if (typeof expected === 'string') {
          refused++;
          if (!/quantized as W\d/.test(expected)) throw new Error(`${label}: "${expected}" names no scheme`);
          if (actual !== expected) throw new Error(`${label}: ${actual} for ${expected}`);
        } else if (typeof actual === 'string') {
          throw new Error(`${label}: ${actual}`);
        } else {
          expectWithin(
            actual,
            expected,
            () => sumBound,
            () => label,
          );
        }
      });
      // int8_linear takes 8 bits per tensor or channel alone: 42 schemes less 4.
      if (refused !== 38) throw new Error(`${refused} models were refused instead of 38`);
    },
  },
];

/** The same for backends without kernels for packed weights: they refuse them all, and run all others. */
export const refusalChecks: readonly Check[] = [
  {
    name: 'packed weights are refused by name, others run like the reference',
    async run(backend) {
      let refused = 0;
      await overEveryStorage(backend, (label, expected, actual, packed) => {
        if (packed) {
          refused++;
          if (typeof actual !== 'string') throw new Error(`${label} ran on ${backend}`);
          if (typeof expected !== 'string' && !actual.includes(`the tfjs backend ${backend} has no kernel`))
            throw new Error(`${label}: "${actual}" does not name the backend`);
        } else if (typeof actual === 'string' || typeof expected === 'string') {
          throw new Error(`${label}: ${String(actual)}`);
        } else {
          expectWithin(
            actual,
            expected,
            () => sumBound,
            () => label,
          );
        }
      });
      if (refused !== 126) throw new Error(`${refused} models were refused instead of 126`);
    },
  },
];
