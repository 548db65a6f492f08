import { isDeepStrictEqual } from 'node:util';
import {
  type AffineScheme,
  gram,
  groupsPerRow,
  levelRange,
  quantizeWeight,
  type RoundedColumns,
  roundColumns,
  type ScaleFormat,
  searchRanges,
  upperFactor,
  type WeightRanges,
  widenBfloat16,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { randomSource, uniformValues } from '@tamp/fixtures/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CpuBackend } from '../src/index.js';
import { allBackends } from './backends.js';

const random = randomSource(51);

/** Half a unit in the last place of 1, in float32. */
const rounding = 2 ** -24;

let backends: CpuBackend[] = [];
beforeAll(async () => {
  backends = await allBackends();
});
afterAll(() => {
  for (const { name } of backends) tf.removeBackend(name);
});

/**
 * Runs on tfjs's own backend, where the reference computes, and on every variant, and hands each result to `check`. No
 * tensor and no block may be left, and results may not depend on the number of threads.
 */
async function onEveryBackend<T>(compute: () => Promise<T>, check: (result: T) => void): Promise<void> {
  const bySimd = new Map<string, T>();
  for (const name of ['cpu', ...backends.map((backend) => backend.name)]) {
    await tf.setBackend(name);
    const { numTensors } = tf.memory();
    const own = backends.find((backend) => backend.name === name);
    const blocks = own?.backend.runtime.heap.blocks;
    const result = await compute();
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(own?.backend.runtime.heap.blocks).toBe(blocks);
    check(result);
    if (own === undefined) continue;
    const first = bySimd.get(own.simd);
    if (first === undefined) bySimd.set(own.simd, result);
    // Looked at closer only when it differs: of a million numbers expect() takes a second.
    else if (!isDeepStrictEqual(result, first)) expect(result).toEqual(first);
  }
}

/** Input rows whose columns are correlated, as a layer's are. */
function correlated(rows: number, columns: number): Float32Array {
  const x = uniformValues(random, rows * columns);
  for (let i = 0; i < x.length; i++) if (i % columns > 0) x[i] = 0.7 * x[i - 1] + 0.5 * x[i];
  return x;
}

/** xᵀx / rows in doubles. */
function exactGram(x: Float32Array, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(columns * columns);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++) {
        sums[i * columns + j] += x[row * columns + i] * x[row * columns + j];
      }
    }
  }
  return sums;
}

describe('gram', () => {
  it.each([
    [1, 1],
    [7, 5],
    [600, 33],
    [130, 130],
    [3, 270],
    // Units of as many columns as they ever have.
    [3, 1030],
  ])('is xᵀ · x, of %d rows and %d columns', async (rows, columns) => {
    const x = correlated(rows, columns);
    const exact = exactGram(x, rows, columns);
    await onEveryBackend(
      async () => valuesOf(await gram(x, rows, columns)),
      (product = new Float32Array(0)) => {
        expect(product).toHaveLength(columns * columns);
        const wrong = product.findIndex((value, at) => {
          const [i, j] = [Math.floor(at / columns), at % columns];
          // A float32 sum of `rows` products of numbers below 2.
          const tolerance = 2 * rows * rounding * Math.sqrt(exact[i * columns + i] * exact[j * columns + j]);
          return value !== product[j * columns + i] || !(Math.abs(value - exact[at]) <= tolerance);
        });
        expect(wrong, `the first wrong element: ${product[wrong]} for ${exact[wrong]}`).toBe(-1);
      },
    );
  });

  it('of no rows is 0', async () => {
    await onEveryBackend(
      async () => valuesOf(await gram(new Float32Array(0), 0, 3)),
      (product) => expect(product).toEqual(new Float32Array(9)),
    );
  });
});

describe('widenBfloat16', () => {
  it.each([1, 7, 24, 3 * 4096 + 5])('gives each number its bits, %d of them', async (length) => {
    const bits = Uint16Array.from({ length }, () => 2 ** 16 * random());
    // NaN has many patterns, of which only one is kept: none here.
    for (let i = 0; i < length; i++) if ((bits[i] & 0x7f80) === 0x7f80) bits[i] = 0xff80;
    const expected = Float32Array.from(new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer));
    // A file's bytes may start anywhere.
    const bytes = new Uint8Array(2 * length + 2).subarray(2);
    bytes.set(new Uint8Array(bits.buffer));
    await onEveryBackend(
      async () => {
        const tensor = widenBfloat16(bytes, [1, length]);
        expect(tensor.shape).toEqual([1, length]);
        return valuesOf(tensor);
      },
      (values) => expect(values).toEqual(expected),
    );
  });
});

/** Columns in a random order. */
function randomOrder(n: number): Int32Array {
  const keys = Array.from({ length: n }, () => random());
  return Int32Array.from({ length: n }, (_, i) => i).sort((a, b) => keys[a] - keys[b]);
}

async function valuesOf(tensor: tf.Tensor | undefined): Promise<Float32Array | undefined> {
  const values = tensor === undefined ? undefined : Float32Array.from(await tensor.data<'float32'>());
  tensor?.dispose();
  return values;
}

/** The values of `upperFactor`'s result. */
async function factorOf(
  matrix: Float32Array,
  order: Int32Array,
  added: number,
): Promise<Float32Array | undefined> {
  const tensor = tf.tensor2d(matrix, [order.length, order.length]);
  try {
    return await valuesOf(await upperFactor(tensor, order, added));
  } finally {
    tensor.dispose();
  }
}

describe('upperFactor', () => {
  // 650: the last columns' products need more than one block of 512 steps.
  it.each([1, 5, 33, 128, 130, 200, 650])('R · Rᵀ is the matrix in its order, %d columns', async (n) => {
    const matrix = Float32Array.from(exactGram(correlated(n + 20, n), n + 20, n));
    const dead = Math.floor(n / 2);
    for (let i = 0; i < n; i++) {
      matrix[dead * n + i] = 0;
      matrix[i * n + dead] = 0;
    }
    const order = randomOrder(n);
    const added = 0.25;
    await onEveryBackend(
      () => factorOf(matrix, order, added),
      (r = new Float32Array(0)) => {
        expect(r).toHaveLength(n * n);
        for (let i = 0; i < n; i++) {
          expect(r.subarray(i * n, i * n + i).every((value) => value === 0)).toBe(true);
          let farthest = 0;
          for (let j = i; j < n; j++) {
            let sum = 0;
            for (let k = j; k < n; k++) sum += r[i * n + k] * r[j * n + k];
            const damped = (at: number): number => (at === dead ? 1 : matrix[at * n + at] + added);
            const expected = i === j ? damped(order[i]) : matrix[order[i] * n + order[j]];
            const size = Math.sqrt(damped(order[i]) * damped(order[j]));
            farthest = Math.max(farthest, Math.abs(sum - expected) / size);
          }
          // Cholesky in float32 is backward stable: an error of about n units of rounding of the diagonal.
          expect(farthest).toBeLessThan((n * 3 + 2) * rounding);
        }
      },
    );
  });

  it.each([
    ['indefinite', Float32Array.of(1, 2, 2, 1)],
    ['NaN', Float32Array.of(1, Number.NaN, Number.NaN, 1)],
    ['infinite', Float32Array.of(1, 0, 0, Number.POSITIVE_INFINITY)],
  ])('gives nothing for a matrix that is %s', async (_, matrix) => {
    await onEveryBackend(
      () => factorOf(matrix, Int32Array.of(0, 1), 0),
      (factor) => expect(factor).toBeUndefined(),
    );
  });
});

const granularities = [
  { kind: 'group', groupSize: 8 },
  { kind: 'channel' },
  { kind: 'tensor' },
] as const satisfies readonly AffineScheme['granularity'][];

describe('searchRanges', () => {
  const [rows, columns] = [18, 24];
  const weight = uniformValues(random, rows * columns).map((value) => value ** 3);
  weight.fill(0, 8, 16);
  const importance = uniformValues(random, columns).map((value) => value ** 2);
  importance[3] = 0;

  it.each([2, 3, 4, 8])('finds what the reference finds, to the bit, with %d bits', async (bits) => {
    const formats: ScaleFormat[] = ['float32', 'float16', 'bfloat16'];
    for (const symmetric of [true, false]) {
      for (const [index, granularity] of granularities.entries()) {
        for (const emphasis of [0, 1, 2]) {
          const scheme: AffineScheme = { bits, symmetric, granularity };
          const scaleFormat = formats[(index + emphasis) % 3];
          const search = {
            importance,
            emphasis,
            signedScales: emphasis !== 1,
            gridPoints: emphasis === 2 ? 5 : 64,
          };
          const { levels, ...expected } = quantizeWeight(weight, rows, columns, scheme, {
            search,
            scaleFormat,
          });
          expect(levels.some((level) => level !== 0)).toBe(true);
          await onEveryBackend(
            () => searchRanges(weight, rows, columns, scheme, { search, scaleFormat }),
            (ranges) => expect(ranges).toEqual(expected),
          );
        }
      }
    }
  });

  it('finds it in a group longer than a thread’s scratch is without it', async () => {
    const long = uniformValues(random, 60_000).map((value) => value ** 3);
    const scheme: AffineScheme = { bits: 4, symmetric: false, granularity: { kind: 'channel' } };
    const search = { gridPoints: 5 };
    const { levels: _, ...expected } = quantizeWeight(long, 1, long.length, scheme, { search });
    await onEveryBackend(
      () => searchRanges(long, 1, long.length, scheme, { search }),
      (ranges) => expect(ranges).toEqual(expected),
    );
  });

  it('refuses what the reference refuses', async () => {
    const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'channel' } };
    const options = { layer: 'layer', scaleFormat: 'float16', search: {} } as const;
    const refuse = (values: Float32Array, message: string): Promise<void> =>
      onEveryBackend(
        () => searchRanges(values, 1, 2, scheme, options).catch((error: unknown) => String(error)),
        (error) => expect(error).toContain(message),
      );
    await refuse(Float32Array.of(1, Number.NaN), 'layer');
    await refuse(Float32Array.of(1e9, 1), "layer: a group's range is too wide for a float16 scale");
    await refuse(Float32Array.of(1), 'the weight has 1 elements, not 1 × 2');
  });
});

describe('roundColumns', () => {
  it.each([
    [1, 8],
    [1, 40],
    [3, 40],
    [37, 72],
    [140, 200],
  ])(
    'takes the nearest level to what earlier errors ask for, %d rows of %d columns',
    async (rows, columns) => {
      const weight = uniformValues(random, rows * columns);
      const moments = Float32Array.from(exactGram(correlated(400, columns), 400, columns), (v) => v / 400);
      const order = randomOrder(columns);
      const added = 0.01;
      const damping = new Float32Array(columns).fill(added);
      for (const symmetric of [true, false]) {
        for (const [index, granularity] of granularities.entries()) {
          const bits = [4, 8, 3][index];
          const scheme: AffineScheme = { bits, symmetric, granularity };
          const { levels: _, ...ranges } = quantizeWeight(weight, rows, columns, scheme);
          await onEveryBackend(
            async (): Promise<[RoundedColumns, Float32Array]> => {
              const r = (await factorOf(moments, order, added)) ?? new Float32Array(0);
              const factor = tf.tensor2d(r, [columns, columns]);
              try {
                return [await roundColumns({ weight, rows, scheme, order, factor, damping, ranges }), r];
              } finally {
                factor.dispose();
              }
            },
            ([result, r]) =>
              checkRounding(result, { weight, rows, columns, scheme, order, damping, ranges, r }),
          );
        }
      }
    },
  );

  it('chooses the scales of a group when its turn comes, from the weights that errors so far ask for', async () => {
    const [rows, columns, groupSize] = [37, 72, 8];
    const weight = uniformValues(random, rows * columns);
    const moments = Float32Array.from(exactGram(correlated(400, columns), 400, columns), (v) => v / 400);
    // Whole groups one after the other, in any order, and so inside each.
    const order = Int32Array.from(
      [...randomOrder(columns / groupSize)].flatMap((group) =>
        [...randomOrder(groupSize)].map((column) => group * groupSize + column),
      ),
    );
    const added = 0.01;
    const damping = new Float32Array(columns).fill(added);
    for (const symmetric of [true, false]) {
      const scheme: AffineScheme = { bits: 4, symmetric, granularity: { kind: 'group', groupSize } };
      const { levels: _, ...ranges } = quantizeWeight(weight, rows, columns, scheme);
      const groups = columns / groupSize;
      const rowsOf = <T extends Float32Array | Int8Array>(values: T, group: number): T =>
        values.filter((_value, i) => i % groups === group) as T;
      let expected: readonly Float32Array[] | undefined;
      await onEveryBackend(
        async () => {
          const asked: Float32Array[] = [];
          const choose = async (group: Float32Array, size: number, index: number): Promise<WeightRanges> => {
            expect([group.length, size]).toEqual([rows * groupSize, groupSize]);
            asked.push(group.slice());
            // Scales of the original weight, so that the rounding can be followed.
            const { scales, zeroPoints } = ranges;
            return {
              scales: rowsOf(scales, index),
              ...(zeroPoints === undefined ? {} : { zeroPoints: rowsOf(zeroPoints, index) }),
            };
          };
          const r = (await factorOf(moments, order, added)) ?? new Float32Array(0);
          const factor = tf.tensor2d(r, [columns, columns]);
          try {
            const given = { weight, rows, scheme, order, factor, damping, ranges: choose };
            return { result: await roundColumns(given), r, asked };
          } finally {
            factor.dispose();
          }
        },
        ({ result, r, asked }) => {
          checkRounding(result, { weight, rows, columns, scheme, order, damping, ranges, r });
          expected ??= asked;
          for (const [turn, group] of asked.entries()) {
            const farthest = group.reduce(
              (most, v, i) => Math.max(most, Math.abs(v - (expected?.[turn][i] ?? 0))),
              0,
            );
            // Sums of up to 72 float32 products of numbers below 1; a weight halfway that went the other way would show.
            expect(farthest).toBeLessThan(1e-4);
          }
        },
      );
    }
  });
});

interface Rounding {
  readonly weight: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly scheme: AffineScheme;
  readonly order: Int32Array;
  readonly damping: Float32Array;
  readonly ranges: WeightRanges;
  readonly r: Float32Array;
}

/** Follows a rounding in doubles: every level must be a nearest one, and the figures those of the errors. */
function checkRounding({ levels, figures, ranges }: RoundedColumns, given: Rounding): void {
  const { weight, rows, columns, scheme, order, damping, r } = given;
  expect(ranges).toEqual(given.ranges);
  const groups = groupsPerRow(scheme, columns);
  const { min, max } = levelRange(scheme.bits);
  for (let row = 0; row < rows; row++) {
    const errors = new Float64Array(columns);
    let [loss, noise, signal, farthest] = [0, 0, 0, 0];
    for (let at = 0; at < columns; at++) {
      const column = order[at];
      const group =
        scheme.granularity.kind === 'tensor' ? 0 : row * groups + Math.floor((column * groups) / columns);
      const scale = ranges.scales[group];
      const zeroPoint = ranges.zeroPoints?.[group] ?? 0;
      const value = weight[row * columns + column];
      const level = levels[row * columns + column];
      let wanted = 0;
      for (let earlier = 0; earlier < at; earlier++) wanted += errors[earlier] * r[earlier * columns + at];
      const diagonal = r[at * columns + at];
      const exact = Math.min(Math.max((value + wanted / diagonal) / scale + zeroPoint, min), max);
      farthest = Math.max(farthest, Math.abs(level - exact));
      const error = value - Math.fround((level - zeroPoint) * scale);
      errors[at] = error;
      loss += (wanted + error * diagonal) ** 2 - damping[at] * error ** 2;
      noise += error ** 2;
      signal += value ** 2;
    }
    // 200 float32 products and sums: a value so near to halfway may go either way.
    expect(farthest).toBeLessThan(0.5 + 1e-3);
    // The loss is a difference of two float32 numbers near it.
    expect(Math.abs(figures[row * 3] - loss)).toBeLessThan(1e-4 * (loss + noise));
    expect(Math.abs(figures[row * 3 + 1] / noise - 1)).toBeLessThan(1e-5);
    expect(Math.abs(figures[row * 3 + 2] / signal - 1)).toBeLessThan(1e-5);
  }
}
