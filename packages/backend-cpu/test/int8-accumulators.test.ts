import { integer, randomSource } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TampCpuBackend, withTemporaries } from '../src/backend/tamp-cpu-backend.js';
import { type CpuBackend, supportedSimdVariants } from '../src/index.js';
import { type InputQuantization, int8Product } from '../src/kernels/int8-linear.js';
import { allBackends } from './backends.js';
import { denseWords } from './dense-words.js';

const SHAPES = 520;

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly range: 'seven' | 'eight' | 'symmetric';
  /** Only the ends of the ranges. */
  readonly extreme: boolean;
}

/** The limits that each range's levels are clamped to, and the quantization that leaves whole numbers as they are. */
const ranges: Readonly<
  Record<Case['range'], { low: number; high: number; quantization: InputQuantization }>
> = {
  seven: { low: 0, high: 127, quantization: { kind: 'tensor', scale: 1, zeroPoint: 0, largestLevel: 127 } },
  eight: { low: 0, high: 255, quantization: { kind: 'tensor', scale: 1, zeroPoint: 0, largestLevel: 255 } },
  symmetric: { low: -128, high: 127, quantization: { kind: 'token' } },
};

const variants = await supportedSimdVariants();
const random = randomSource(11);
const cases = Array.from({ length: SHAPES }, (_, i): Case => {
  const kinds = ['seven', 'eight', 'symmetric'] as const;
  return {
    m: integer(random, 1, 9),
    n: integer(random, 1, 40),
    // Small, ragged and up to 8192.
    k:
      i % 4 === 0
        ? integer(random, 1, 40)
        : i % 4 === 1
          ? integer(random, 1, 8192)
          : integer(random, 40, 700),
    range: kinds[i % 3] ?? 'eight',
    extreme: i % 5 === 0,
  };
}).concat(
  { m: 5, n: 18, k: 8192, range: 'eight', extreme: true },
  { m: 5, n: 18, k: 8191, range: 'seven', extreme: true },
  { m: 5, n: 18, k: 8191, range: 'symmetric', extreme: true },
  { m: 1, n: 1, k: 1, range: 'eight', extreme: false },
);

/** The integer sums of a product as a backend computes them; asserts that it keeps nothing on its heap. */
function accumulators(
  backend: TampCpuBackend,
  kernels: string,
  { m, n, k }: Pick<Case, 'm' | 'n' | 'k'>,
  words: Int32Array,
  input: Float32Array,
  quantization: InputQuantization,
): Int32Array {
  const { heap } = backend.runtime;
  const before = heap.blocks;
  const pack = tf.getKernel('TampPackWeights', kernels);
  const levels = backend.makeTensorInfo([n, words.length / n], 'int32', words);
  const packed = pack.kernelFunc({
    inputs: { levels },
    attrs: { layout: 'int8', bits: 8, rows: n, columns: k, groupSize: k },
    backend,
  });
  if (Array.isArray(packed)) throw new Error('one tensor was expected');
  const sums = withTemporaries(backend, (temporaries) => {
    const x = temporaries.allocate(m * k * 4);
    heap.f32.set(input, x / 4);
    const out = temporaries.allocate(m * n * 4);
    int8Product(backend, temporaries, {
      x,
      panels: backend.pointer(packed, 'int32', temporaries),
      scales: 0,
      zeroPoints: 0,
      bias: 0,
      out,
      m,
      n,
      k,
      quantization,
      raw: true,
    });
    return heap.i32.slice(out / 4, out / 4 + m * n);
  });
  backend.disposeIntermediateTensorInfo(levels);
  backend.disposeIntermediateTensorInfo(packed);
  expect(heap.blocks).toBe(before);
  return sums;
}

function plainSums(x: Float32Array, w: Int8Array, { m, n, k }: Pick<Case, 'm' | 'n' | 'k'>): Int32Array {
  const sums = new Int32Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let channel = 0; channel < n; channel++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (x[row * k + i] ?? 0) * (w[channel * k + i] ?? 0);
      sums[row * n + channel] = sum;
    }
  }
  return sums;
}

describe('int8 accumulators', () => {
  let backends: CpuBackend[] = [];
  beforeAll(async () => {
    backends = await allBackends();
  });
  afterAll(() => {
    for (const { name } of backends) tf.removeBackend(name);
  });

  it(`are the same integers as plain arithmetic in every variant, over ${cases.length} shapes`, () => {
    const data = randomSource(12);
    for (const { m, n, k, range, extreme } of cases) {
      const { low, high, quantization } = ranges[range];
      const x = Float32Array.from({ length: m * k }, () =>
        extreme ? (data() < 0.5 ? low : high) : integer(data, low, high),
      );
      const w = Int8Array.from({ length: n * k }, () =>
        extreme ? (data() < 0.6 ? -128 : 127) : integer(data, -128, 127),
      );
      const expected = plainSums(x, w, { m, n, k });
      const input = Float32Array.from(x);
      if (range === 'symmetric') {
        // A largest magnitude of 127.5 makes the scale 1, and rounds to the ends of the range.
        for (let row = 0; row < m; row++) {
          for (let i = row * k; i < (row + 1) * k; i++) {
            if (input[i] === 127) input[i] = 127.5;
            if (input[i] === -128) input[i] = -127.5;
          }
          const first = x[row * k] ?? 0;
          input[row * k] = first < 0 ? -127.5 : 127.5;
          const level = first < 0 ? -128 : 127;
          for (let channel = 0; channel < n; channel++) {
            expected[row * n + channel] =
              (expected[row * n + channel] ?? 0) + (level - first) * (w[channel * k] ?? 0);
          }
        }
      }
      const words = denseWords(w, n, k, 8);
      for (const { name, backend } of backends) {
        const sums = accumulators(backend, name, { m, n, k }, words, input, quantization);
        const wrong = sums.findIndex((sum, i) => sum !== expected[i]);
        if (wrong >= 0) {
          const shape = JSON.stringify({ m, n, k, range, extreme });
          expect.fail(`${name} ${shape} at ${wrong}: ${sums[wrong]} for ${expected[wrong]}`);
        }
      }
    }
  });

  // Its one instruction is exact on every engine for levels of 7 bits, so the tiles are checked where the variant is not
  // chosen; whether it is exact for 8 bits, the run with known answers decides. Engines without relaxed SIMD lack them.
  if (variants.includes('relaxed')) {
    it('are the same in the tiles for processors with AVX-VNNI, for levels of 7 bits', () => {
      const relaxed = backends.find(({ backend }) => backend.runtime.simd === 'relaxed');
      if (relaxed === undefined) throw new Error('no backend runs relaxed SIMD');
      const wide = new TampCpuBackend({ ...relaxed.backend.runtime, simd: 'relaxed-wide' });
      const data = randomSource(13);
      for (const { m, n, k } of cases.filter(({ range, k }) => range === 'seven' && k < 1000)) {
        const x = Float32Array.from({ length: m * k }, () => integer(data, 0, 127));
        const w = Int8Array.from({ length: n * k }, () => integer(data, -128, 127));
        const { quantization } = ranges.seven;
        const sums = accumulators(wide, relaxed.name, { m, n, k }, denseWords(w, n, k, 8), x, quantization);
        expect(sums, JSON.stringify({ m, n, k })).toEqual(plainSums(x, w, { m, n, k }));
      }
    });
  }
});
