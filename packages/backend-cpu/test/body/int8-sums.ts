import { integer, randomSource } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { TampCpuBackend, withTemporaries } from '../../src/backend/tamp-cpu-backend.js';
import type { CpuBackend } from '../../src/index.js';
import { type InputQuantization, int8Product } from '../../src/kernels/int8-linear.js';
import { denseWords } from '../dense-words.js';

/** One product of levels. */
interface SumCase {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly range: 'seven' | 'eight' | 'symmetric';
  /** Only the ends of the ranges. */
  readonly extreme: boolean;
}

/** The limits that each range's levels are clamped to, and the quantization that leaves whole numbers as they are. */
const ranges: Readonly<
  Record<SumCase['range'], { low: number; high: number; quantization: InputQuantization }>
> = {
  seven: { low: 0, high: 127, quantization: { kind: 'tensor', scale: 1, zeroPoint: 0, largestLevel: 127 } },
  eight: { low: 0, high: 255, quantization: { kind: 'tensor', scale: 1, zeroPoint: 0, largestLevel: 255 } },
  symmetric: { low: -128, high: 127, quantization: { kind: 'token' } },
};

const random = randomSource(11);
/** Shapes and levels: ragged, up to 8192 deep, a fifth of them of nothing but the ends of the levels. */
export const sumCases: readonly SumCase[] = Array.from({ length: 520 }, (_, i): SumCase => {
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
  // So many rows that panels of weights are widened to 16 bits once for all; the first ones take the most scratch for it.
  { m: 33, n: 18, k: 8192, range: 'eight', extreme: true },
  { m: 41, n: 33, k: 8170, range: 'symmetric', extreme: false },
  ...Array.from({ length: 12 }, (_, i): SumCase => {
    const range = (['eight', 'symmetric', 'seven'] as const)[i % 3] ?? 'eight';
    return {
      m: integer(random, 32, 90),
      n: integer(random, 1, 40),
      k: integer(random, 1, 500),
      range,
      extreme: i % 4 === 0,
    };
  }),
  { m: 5, n: 18, k: 8192, range: 'eight', extreme: true },
  { m: 5, n: 18, k: 8191, range: 'seven', extreme: true },
  { m: 5, n: 18, k: 8191, range: 'symmetric', extreme: true },
  { m: 1, n: 1, k: 1, range: 'eight', extreme: false },
);

/** The integer sums of a product as a backend computes them; throws when it keeps something on its heap. */
function accumulators(
  backend: TampCpuBackend,
  kernels: string,
  { m, n, k }: Pick<SumCase, 'm' | 'n' | 'k'>,
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
  if (heap.blocks !== before) throw new Error(`${kernels} keeps ${heap.blocks - before} blocks`);
  return sums;
}

function plainSums(x: Float32Array, w: Int8Array, { m, n, k }: Pick<SumCase, 'm' | 'n' | 'k'>): Int32Array {
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

/** Random levels of a case, its input that quantizes to them, the weight's words and the sums by plain arithmetic. */
function randomProduct(
  random: () => number,
  { m, n, k, range, extreme }: SumCase,
  weights: { readonly low: number; readonly high: number },
): { readonly input: Float32Array; readonly words: Int32Array; readonly sums: Int32Array } {
  const { low, high } = ranges[range];
  const x = Float32Array.from({ length: m * k }, () =>
    extreme ? (random() < 0.5 ? low : high) : integer(random, low, high),
  );
  const w = Int8Array.from({ length: n * k }, () =>
    extreme ? (random() < 0.6 ? weights.low : weights.high) : integer(random, weights.low, weights.high),
  );
  const input = Float32Array.from(x);
  if (range === 'symmetric') {
    // A largest magnitude of 127.5 makes the scale 1, and rounds to the ends of the range.
    for (let row = 0; row < m; row++) {
      for (let i = row * k; i < (row + 1) * k; i++) {
        if (input[i] === 127) input[i] = 127.5;
        if (input[i] === -128) input[i] = -127.5;
      }
      const negative = (x[row * k] ?? 0) < 0;
      input[row * k] = negative ? -127.5 : 127.5;
      x[row * k] = negative ? -128 : 127;
    }
  }
  return { input, words: denseWords(w, n, k, 8), sums: plainSums(x, w, { m, n, k }) };
}

/** Whether a backend's sums are those of plain arithmetic; what differs if not. */
function wrongSum(
  backend: TampCpuBackend,
  kernels: string,
  each: SumCase,
  { input, words, sums }: ReturnType<typeof randomProduct>,
): string | undefined {
  const actual = accumulators(backend, kernels, each, words, input, ranges[each.range].quantization);
  const at = actual.findIndex((sum, i) => sum !== sums[i]);
  if (at < 0) return undefined;
  return `${kernels} ${JSON.stringify(each)} at ${at}: ${actual[at]} for ${sums[at]}`;
}

/** The first sum that is another integer than plain arithmetic gives, on any of the backends; none: undefined. */
export function firstWrongSum(backends: readonly CpuBackend[]): string | undefined {
  const random = randomSource(12);
  for (const each of sumCases) {
    const product = randomProduct(random, each, { low: -128, high: 127 });
    for (const { name, backend } of backends) {
      const wrong = wrongSum(backend, name, each, product);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

/**
 * As {@link firstWrongSum}, of the tiles for processors with AVX-VNNI on a backend with relaxed SIMD, wherever their one
 * instruction is exact on others too: for levels of 7 bits on every engine, and `unsigned` ones of 8 bits on x86, whose
 * sums of two products saturate at 16 bits, while weights stay within ±63. Whether it is exact for all weights, the run
 * with known answers decides; where it is, the variant is one of the backends.
 */
export function firstWrongWideSum(
  { name, backend }: CpuBackend,
  { unsigned }: { readonly unsigned: boolean },
): string | undefined {
  const wide = new TampCpuBackend({ ...backend.runtime, simd: 'relaxed-wide' });
  const random = randomSource(13);
  for (const each of sumCases) {
    if (each.k >= 1000 || (each.range !== 'seven' && !unsigned)) continue;
    const weights = each.range === 'seven' ? { low: -128, high: 127 } : { low: -63, high: 63 };
    const wrong = wrongSum(wide, name, each, randomProduct(random, each, weights));
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
