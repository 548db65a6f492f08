import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-layers';
import { isTampError, Random } from '@tamp/core';
import { readJsonFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  DiffQuantizer,
  type DiffQuantizerOptions,
  LsqQuantizer,
  type NamedVariable,
  type Packing,
  UniformQuantizer,
  unpackState,
} from '../src/index.js';
import { lsqOverArrays, lsqOverTensors } from '../src/lsq/lsq-operation.js';
import type { Compute } from '../src/noise/differentiable.js';
import { overArrays, overTensors } from '../src/noise/noise-operation.js';
import { sizeOverArrays, sizeOverTensors } from '../src/size/model-size.js';
import { relativeError } from './largest-error.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

expectNoTensorLeaks();

function variableOf(shape: readonly number[], seed = 1): tf.Variable {
  const values = new Random(seed).fillNormal(new Float32Array(tf.util.sizeFromShape([...shape])));
  return tf.tidy(() => tf.variable(tf.tensor(values, [...shape])));
}

/** Runs `body` with parameters that are disposed of afterwards. */
async function withParameters(
  shapes: Readonly<Record<string, readonly number[]>>,
  body: (parameters: readonly NamedVariable[]) => unknown,
): Promise<void> {
  const parameters = Object.entries(shapes).map(([name, shape], i) => ({
    name,
    variable: variableOf(shape, i + 1),
  }));
  try {
    await body(parameters);
  } finally {
    for (const { variable } of parameters) variable.dispose();
  }
}

function errorOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (isTampError(error)) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const all = { minSize: 0 };

describe('options', () => {
  const shapes = { weight: [4, 6] };
  const refused: readonly (readonly [DiffQuantizerOptions, RegExp])[] = [
    [{ ...all, groupSize: 5 }, /weight: groups of 5 do not divide its 24 elements\. Choose a groupSize/],
    [{ ...all, groupSize: -1 }, /groupSize -1/],
    [{ ...all, groupSize: 1.5 }, /groupSize 1.5/],
    [{ ...all, minBits: 2.5 }, /minBits 2.5 is not possible\. Give a whole number/],
    [{ ...all, minBits: 9 }, /out of order.*minBits < initBits < maxBits/],
    [{ ...all, initBits: 15 }, /out of order/],
    [{ ...all, maxBits: 16 }, /out of order.*15/],
    [{ ...all, maxBits: Number.NaN }, /out of order/],
    [{ ...all, extraBits: -1 }, /extraBits -1/],
    [{ ...all, seed: -1 }, /seed -1/],
    [{ minSize: 0.01 }, /no parameter has more than 2621 elements.*Lower minSize/],
    [{ ...all, exclude: ['*'] }, /exclude less/],
    [{ minSize: -1 }, /minSize -1/],
  ];
  test.each(refused)('%o is refused', (options, message) =>
    withParameters(shapes, (parameters) => {
      expect(errorOf(() => new DiffQuantizer(parameters, options))).toMatch(message);
      // A refused attempt leaves the parameters free.
      new DiffQuantizer(parameters, all).dispose();
    }),
  );

  test('LSQ refuses 1 bit, uniform quantization 0 and 16', () =>
    withParameters(shapes, (parameters) => {
      expect(errorOf(() => new LsqQuantizer(parameters, { ...all, bits: 1 }))).toMatch(/2 to 15/);
      for (const bits of [0, 16, 2.5]) {
        expect(errorOf(() => new UniformQuantizer(parameters, { ...all, bits }))).toMatch(/1 to 15/);
      }
    }));

  test('which parameters: more elements than the threshold, and what the globs leave', () =>
    withParameters({ 'a.weight': [1, 262], 'a.bias': [263], 'b.c.weight': [1, 263] }, (parameters) => {
      // floor(0.001 · 2^20 / 4) = 262 elements are not enough, 263 are.
      const quantizer = new DiffQuantizer(parameters, { minSize: 0.001, exclude: ['bias'], float16: true });
      expect(quantizer.quantized.map(({ name }) => name)).toEqual(['b.c.weight']);
      expect(quantizer.float16.map(({ name }) => name)).toEqual(['a.weight', 'a.bias']);
      expect(quantizer.describe()).toMatch(/groups of 1, 2 to 15 bits from 8/);
      quantizer.dispose();
      const other = new DiffQuantizer(parameters, { minSize: 0.001, exclude: ['b.*'] });
      expect(other.quantized.map(({ name }) => name)).toEqual(['a.bias']);
      other.dispose();
    }));

  test('the logits carry the suffix, and a parameter has one quantizer', () =>
    withParameters(shapes, (parameters) => {
      const quantizer = new DiffQuantizer(parameters, { ...all, suffix: '_q' });
      expect(quantizer.trainables.map(({ name }) => name)).toEqual(['weight_q']);
      expect(errorOf(() => new UniformQuantizer(parameters, all))).toMatch(/attached.*already.*Detach/);
      quantizer.dispose();
    }));
});

describe('tied parameters', () => {
  const reference = readJsonFixture<{
    readonly tied_mb: number;
    readonly untied_mb: number;
    readonly qparams_tied: readonly (readonly [string, boolean])[];
  }>('diffq', 'tied.json');

  test('are counted, trained and stored once, with the reference’s sizes', async () => {
    // Two square layers in groups of 8: what is left of the tied size without the weight are the two biases.
    const width = Math.round(((2 * reference.tied_mb - reference.untied_mb) * 2 ** 23) / 64);
    await withParameters(
      { weight: [width, width], other: [width, width], bias: [width, 2] },
      async (given) => {
        const [first, second, bias] = given;
        const size = async (parameters: readonly NamedVariable[]): Promise<number> => {
          const quantizer = new DiffQuantizer(parameters, { groupSize: 8, minSize: 0.001 });
          expect(quantizer.trainables.length).toBe(quantizer.quantized.length);
          expect((await quantizer.state()).quantized.length).toBe(quantizer.quantized.length);
          const result = await quantizer.trueModelSize();
          quantizer.dispose();
          return result;
        };
        const tied = { name: 'tied', variable: first.variable };
        expect(reference.qparams_tied.map(([, bound]) => bound)).toEqual([false, true]);
        // MiB, as the other sizes.
        expect(Math.abs((await size([first, tied, bias])) - reference.tied_mb)).toBeLessThan(1e-6);
        expect(Math.abs((await size([first, second, bias])) - reference.untied_mb)).toBeLessThan(1e-6);
      },
    );
  });

  test('share one noise', () =>
    withParameters({ weight: [2, 8] }, ([weight]) => {
      const quantizer = new DiffQuantizer([weight, { ...weight, name: 'tied' }], { ...all, groupSize: 8 });
      expect(quantizer.quantized[0].boundNames).toEqual(['tied']);
      quantizer.noOptimizer();
      tf.tidy(() => {
        quantizer.trainingStep(() => {
          expect(quantizer.value(weight.variable)).toBe(quantizer.value(weight.variable));
          expect(quantizer.value(weight.variable)).not.toBe(weight.variable);
        });
      });
      quantizer.dispose();
    }));
});

describe('state', () => {
  const shapes = { conv: [4, 2, 2, 2, 4], dense: [6, 16], bias: [5] };
  const methods = {
    diffq: (parameters: readonly NamedVariable[]) =>
      new DiffQuantizer(parameters, { minSize: 20 / 2 ** 18, groupSize: 8 }),
    'diffq, one group per tensor': (parameters: readonly NamedVariable[]) =>
      new DiffQuantizer(parameters, { minSize: 20 / 2 ** 18, groupSize: 0 }),
    lsq: (parameters: readonly NamedVariable[]) =>
      new LsqQuantizer(parameters, { minSize: 20 / 2 ** 18, bits: 3, float16: true }),
    uniform: (parameters: readonly NamedVariable[]) =>
      new UniformQuantizer(parameters, { minSize: 20 / 2 ** 18, bits: 15 }),
  };
  const packings: readonly Packing[] = ['plain', 'strided', 'blocked'];
  const cases = Object.entries(methods).flatMap(([name, make]) =>
    packings.map((packing) => ({ name, make, packing })),
  );

  test.each(cases)('$name, $packing: a fresh model takes it over to the bit', ({ make, packing }) =>
    withParameters(shapes, (parameters) =>
      withParameters(shapes, async (others) => {
        for (const { variable } of others) tf.tidy(() => variable.assign(tf.mul(variable, 2)));
        const quantizer = make(parameters);
        const spread = new Random(4);
        // Bits from the fewest to the most, both among them.
        for (const logits of quantizer.method === 'diffq' ? quantizer.trainables : []) {
          const values = new Float32Array(logits.size).map((_, i) => [-20, 20][i] ?? spread.between(-4, 4));
          tf.tidy(() => logits.assign(tf.tensor(values, logits.shape)));
        }
        const state = structuredClone(await quantizer.state(packing));
        const target = make(others);
        target.restore(state);
        await quantizer.quantize();
        for (const [i, { variable }] of parameters.entries()) {
          expect(await others[i].variable.data()).toEqual(await variable.data());
        }
        // The bits came along: quantizing what was restored gives the same state again.
        const again = unpackState(await target.state(packing));
        const before = unpackState(state);
        again.quantized.forEach((entry, i) => {
          expect(entry.bits).toEqual(before.quantized[i].bits);
        });
        expect(await target.trueModelSize()).toBe(await quantizer.trueModelSize());
        quantizer.dispose();
        target.dispose();
      }),
    ),
  );

  test('a damaged state, or one of another model, changes nothing', () =>
    withParameters(shapes, async (parameters) => {
      const quantizer = methods.diffq(parameters);
      const state = await quantizer.state('strided');
      const before = await parameters[0].variable.data();
      const [entry, ...rest] = state.quantized;
      if (entry.packing === 'plain') throw new Error('the state is not packed');
      const without = { ...entry, buckets: entry.buckets.map(() => null) };
      expect(errorOf(() => quantizer.restore({ ...state, quantized: [without, ...rest] }))).toMatch(
        /conv: the state is damaged: it lacks the levels/,
      );
      const cut = entry.buckets.map((b) =>
        b?.layout === 'strided' ? { ...b, words: b.words.subarray(1) } : b,
      );
      expect(
        errorOf(() => quantizer.restore({ ...state, quantized: [{ ...entry, buckets: cut }, ...rest] })),
      ).toMatch(/damaged/);
      expect(errorOf(() => quantizer.restore({ ...state, quantized: rest }))).toMatch(/not the model's/);
      expect(errorOf(() => quantizer.restore({ ...state, method: 'lsq' }))).toMatch(/made by lsq/);
      expect(errorOf(() => quantizer.restore({ ...state, version: 2 as 1 }))).toMatch(/version 1/);
      expect(await parameters[0].variable.data()).toEqual(before);
      quantizer.dispose();
    }));

  test('the compressed size is that of the packed numbers after DEFLATE', () =>
    withParameters({ weight: [64, 64] }, async ([{ variable, name }]) => {
      tf.tidy(() =>
        variable.assign(
          tf.tensor(
            Float32Array.from({ length: 4096 }, (_, i) => i % 2),
            [64, 64],
          ),
        ),
      );
      const quantizer = new UniformQuantizer([{ name, variable }], all);
      // Two values in turn deflate to next to nothing; noise does not deflate at all.
      expect(await quantizer.compressedModelSize()).toBeLessThan((await quantizer.trueModelSize()) / 20);
      tf.tidy(() => variable.assign(tf.tensor(new Random(1).fillUniform(new Float32Array(4096)), [64, 64])));
      expect(await quantizer.compressedModelSize()).toBeGreaterThan((await quantizer.trueModelSize()) * 0.98);
      quantizer.dispose();
    }));
});

describe('quantize and unquantize', () => {
  test('constant tensors come back exactly and train without noise', () =>
    withParameters({ weight: [4, 8] }, async ([{ name, variable }]) => {
      tf.tidy(() => variable.assign(tf.fill([4, 8], 0.3)));
      const quantizer = new DiffQuantizer([{ name, variable }], { ...all, groupSize: 8 });
      quantizer.noOptimizer();
      const before = await variable.data();
      await quantizer.withQuantized(async () => expect(await variable.data()).toEqual(before));
      tf.tidy(() => {
        const step = () => quantizer.trainingStep(() => tf.sum(quantizer.value(variable)) as tf.Scalar);
        const { grads } = tf.variableGrads(step, [variable, ...quantizer.trainables]);
        // The gradient by the range goes out to all ties and comes back from all: an ulp is left.
        for (const gradient of grads[variable.name].dataSync()) expect(gradient).toBeCloseTo(1, 6);
        expect(grads[quantizer.trainables[0].name].dataSync().every((gradient) => gradient === 0)).toBe(true);
        expect(quantizer.trainingValues().get(variable)?.dataSync()).toEqual(before);
      });
      quantizer.dispose();
    }));

  test('weights that are NaN are named, and the float weights stay', () =>
    withParameters({ good: [4, 8], bad: [4, 8] }, async (parameters) => {
      const [good, bad] = parameters;
      tf.tidy(() => bad.variable.assign(tf.fill([4, 8], Number.NaN)));
      const quantizer = new DiffQuantizer(parameters, { ...all, groupSize: 8 });
      const before = await good.variable.data();
      await expect(quantizer.quantize()).rejects.toThrow(/bad/);
      expect(quantizer.isQuantized).toBe(false);
      expect(await good.variable.data()).toEqual(before);
      expect(errorOf(() => quantizer.evaluation(() => 0))).toMatch(/bad/);
      quantizer.noOptimizer();
      expect(errorOf(() => tf.tidy(() => quantizer.trainingStep(() => 0)))).toMatch(/bad: .*NaN/);
      quantizer.dispose();
    }));

  test('asking for the state of quantized variables is refused', () =>
    withParameters({ weight: [4, 8] }, async (parameters) => {
      const quantizer = new UniformQuantizer(parameters, all);
      await quantizer.withQuantized(() => expect(quantizer.state()).rejects.toThrow(/unquantize/));
      quantizer.dispose();
    }));

  test('LSQ keeps its step positive, for a tensor of zeros too', () =>
    withParameters({ weight: [4, 8] }, async ([{ name, variable }]) => {
      tf.tidy(() => variable.assign(tf.zeros([4, 8])));
      const quantizer = new LsqQuantizer([{ name, variable }], { ...all, bits: 2 });
      const [step] = quantizer.trainables;
      expect((await step.data())[0]).toBeGreaterThan(0);
      tf.tidy(() => step.assign(tf.tensor1d([-1])));
      quantizer.afterStep();
      expect((await step.data())[0]).toBeGreaterThan(0);
      await quantizer.withQuantized(async () => expect(await variable.data()).toEqual(new Float32Array(32)));
      quantizer.dispose();
    }));
});

describe('optimizers', () => {
  const options = { ...all, groupSize: 8 };

  test('the optimizer steps the weights, an Adam of its own the bits, without the other variables', () =>
    withParameters({ weight: [4, 8] }, ([{ name, variable }]) => {
      const stranger = tf.tidy(() => tf.variable(tf.scalar(1)));
      const optimizer = tf.train.sgd(0.5);
      const quantizer = new DiffQuantizer([{ name, variable }], options);
      quantizer.setupOptimizer(optimizer, { penalty: 1, learningRate: 0.25 });
      const [logits] = quantizer.trainables;
      const [before, bits] = [variable.dataSync().slice(), logits.dataSync().slice()];
      const size = quantizer.trueModelSizeNow();
      const cost = optimizer.minimize(
        () => {
          // A zero gradient for the weights, for the model uses them with factor 0.
          return tf.mul<tf.Scalar>(tf.sum(quantizer.value(variable)), 0);
        },
        true,
        [variable],
      );
      expect(cost?.dataSync()[0]).toBeCloseTo(size, 9);
      expect(variable.dataSync()).toEqual(before);
      // Adam's first step is the learning rate, downwards, less what epsilon takes of a gradient of 3e-6.
      for (const [i, value] of logits.dataSync().entries()) expect(value).toBeCloseTo(bits[i] - 0.25, 2);
      expect(stranger.dataSync()[0]).toBe(1);
      cost?.dispose();
      quantizer.dispose();
      expect(Object.hasOwn(optimizer, 'minimize')).toBe(false);
      optimizer.dispose();
      stranger.dispose();
    }));

  test('checkUnused leaves the bits of what a step did not use alone', () =>
    withParameters({ used: [4, 8], zero: [4, 8], absent: [4, 8] }, (parameters) => {
      const [used, zero] = parameters;
      const optimizer = tf.train.sgd(0.1);
      const quantizer = new DiffQuantizer(parameters, options);
      quantizer.setupOptimizer(optimizer, { penalty: 1, learningRate: 0.1, checkUnused: true });
      const before = quantizer.trainables.map((logits) => logits.dataSync().slice());
      optimizer.minimize(() =>
        tf.add(
          tf.sum(tf.square(quantizer.value(used.variable))),
          tf.mul<tf.Scalar>(tf.sum(quantizer.value(zero.variable)), 0),
        ),
      );
      const moved = quantizer.trainables.map((logits, i) =>
        logits.dataSync().some((v, g) => v !== before[i][g]),
      );
      expect(moved).toEqual([true, false, false]);
      quantizer.dispose();
      optimizer.dispose();
    }));

  test('set-up: twice, on another’s optimizer, after it has trained the bits, and cleared again', () =>
    withParameters({ a: [4, 8], b: [4, 8] }, ([a, b]) => {
      const optimizer = tf.train.adam(0.1);
      const first = new DiffQuantizer([a], options);
      first.setupOptimizer(optimizer);
      expect(errorOf(() => first.setupOptimizer(optimizer))).toMatch(/an optimizer already/);
      const second = new DiffQuantizer([b], options);
      expect(errorOf(() => second.setupOptimizer(optimizer))).toMatch(/another quantizer/);
      first.clearOptimizer();
      expect(first.hasOptimizer).toBe(false);
      // tfjs trains every variable there is unless told which: the logits as well.
      second.noOptimizer();
      optimizer.minimize(() => second.trainingStep(() => tf.sum(second.value(b.variable)) as tf.Scalar));
      second.clearOptimizer();
      expect(errorOf(() => second.setupOptimizer(optimizer))).toMatch(/before the quantizer/);
      first.dispose();
      second.dispose();
      optimizer.dispose();
    }));

  test('a penalty and a budget exclude each other; a budget must be within reach', () =>
    withParameters({ weight: [16, 16] }, (parameters) => {
      const optimizer = tf.train.sgd(0.1);
      const quantizer = new DiffQuantizer(parameters, options);
      const refuse = (training: Parameters<typeof quantizer.setupOptimizer>[1]) =>
        errorOf(() => quantizer.setupOptimizer(optimizer, training));
      expect(refuse({ penalty: 1, targetSize: 100 })).toMatch(/exclude each other/);
      expect(refuse({ penalty: -1 })).toMatch(/penalty -1/);
      expect(refuse({ targetSize: 0 })).toMatch(/not a size/);
      // 256 weights: 2 bits and 9 bytes of header make 73 bytes, 15 bits and 4 bits per group 505.
      expect(refuse({ targetSize: 72 })).toMatch(/72 bytes is out of reach.* 73 to 505/);
      expect(refuse({ targetSize: 0.9 })).toMatch(/out of reach/);
      quantizer.dispose();
      optimizer.dispose();
    }));
});

test('the same seed gives the same noisy weights on every backend, another in each step', async () => {
  const draw = async (backend: string, noise: 'gaussian' | 'uniform'): Promise<readonly number[][]> => {
    await tf.setBackend(backend);
    const seen: number[][] = [];
    await withParameters({ a: [16, 8], b: [4, 8] }, (parameters) => {
      const quantizer = new DiffQuantizer(parameters, { ...all, groupSize: 8, noise, seed: 5 });
      for (let step = 0; step < 2; step++) {
        tf.tidy(() => {
          for (const value of quantizer.trainingValues().values()) seen.push(Array.from(value.dataSync()));
        });
      }
      quantizer.dispose();
    });
    return seen;
  };
  for (const noise of ['gaussian', 'uniform'] as const) {
    const cpu = await draw('cpu', noise);
    expect(cpu[0]).not.toEqual(cpu[2]);
    expect(await draw('wasm', noise)).toEqual(cpu);
  }
  await tf.setBackend('cpu');
});

describe('the operations as tfjs operations, for graphics backends, agree with those over arrays', () => {
  /** Value and gradients of both ways. */
  function both(ways: readonly [Compute, Compute], weight: tf.Tensor, trainable: tf.Tensor, dy: tf.Tensor) {
    return ways.map((compute) => {
      let saved: tf.Tensor[] = [];
      const result = compute(weight, trainable, (tensors) => {
        saved = tensors;
      });
      return [result.value, ...result.gradFunc(dy, saved)].map((tensor) => tensor.dataSync());
    });
  }

  test.each(['bits', 'noise'] as const)('noise, logits mean %s; ties share the gradient', (param) => {
    tf.tidy(() => {
      const values = new Random(3).fillNormal(new Float32Array(96));
      // The largest value three times, the smallest twice.
      values.set([5, 5, 5, -6, -6]);
      const weight = tf.tensor(values, [12, 8]);
      const logits = tf.tensor1d(new Random(4).fillNormal(new Float32Array(24)));
      const operation = {
        weight,
        logits,
        groupSize: 4,
        rule: { param, minBits: 2, maxBits: 12 },
        noise: new Random(5).fillCentered(new Float32Array(96)),
        release() {},
        layer: 'weight',
      };
      const dy = tf.tensor(new Random(6).fillNormal(new Float32Array(96)), [12, 8]);
      const [arrays, tensors] = both([overArrays(operation), overTensors(operation)], weight, logits, dy);
      // Sums of up to 96 float32 terms against sums in float64.
      for (const [i, expected] of arrays.entries())
        expect(relativeError(tensors[i], expected)).toBeLessThan(3e-6);
      const shares = arrays[1].slice(0, 5).map((gradient, i) => gradient - dy.dataSync()[i]);
      expect(shares[0]).toBeCloseTo(shares[2], 6);
      expect(shares[3]).toBeCloseTo(shares[4], 6);
      expect(3 * shares[0] + 2 * shares[3]).toBeCloseTo(0, 5);
    });
  });

  test.each(['bits', 'noise'] as const)('size, logits mean %s', (param) => {
    tf.tidy(() => {
      const rule = { param, minBits: 2, maxBits: 15 };
      const logits = [1, 2].map((seed) => tf.tensor1d(new Random(seed).fillNormal(new Float32Array(40))));
      const [expected, seen] = [sizeOverArrays, sizeOverTensors].map((compute) => {
        const { value, gradFunc } = compute(logits, [8, 4], rule, 0.5, 1000, 2);
        return [value, ...gradFunc(tf.scalar(3))].map((tensor) => tensor.dataSync());
      });
      // Sums of 80 float32 numbers against sums in float64.
      for (const [i, values] of expected.entries()) expect(relativeError(seen[i], values)).toBeLessThan(3e-6);
    });
  });

  test('LSQ', () => {
    tf.tidy(() => {
      const weight = tf.tensor(new Random(3).fillNormal(new Float32Array(64)), [8, 8]);
      const dy = tf.tensor(new Random(6).fillNormal(new Float32Array(64)), [8, 8]);
      const ways = [lsqOverArrays(3), lsqOverTensors(3)] as const;
      const [arrays, tensors] = both(ways, weight, tf.tensor1d([0.4]), dy);
      for (const [i, expected] of arrays.entries())
        expect(relativeError(tensors[i], expected)).toBeLessThan(3e-6);
    });
  });
});
