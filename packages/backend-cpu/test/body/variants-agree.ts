import { disposeOperand, groupwiseLinear, type Int8Activation, int8Linear, packWeights } from '@tamp/core';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { TampCpuBackend } from '../../src/backend/tamp-cpu-backend.js';
import type { CpuBackend } from '../../src/index.js';
import { randomWeight, type WeightCase } from './random-weight.js';

const int8Activations: readonly Int8Activation[] = [
  { kind: 'token' },
  { kind: 'tensor', reduceRange: false },
  { kind: 'tensor', reduceRange: true },
  { kind: 'static', reduceRange: false, scale: 0.011, zeroPoint: 133 },
  { kind: 'static', reduceRange: true, scale: 0.017, zeroPoint: 61 },
];

/** Runs `compute` on each backend; gives the first whose result has other bits than that of the first backend. */
async function firstOther(
  backends: readonly CpuBackend[],
  compute: () => tf.Tensor,
): Promise<string | undefined> {
  let expected: Float32Array | undefined;
  for (const { name } of backends) {
    await tf.setBackend(name);
    const result = tf.tidy(compute);
    const values = Float32Array.from(await result.data());
    result.dispose();
    expected ??= values;
    for (const [at, value] of values.entries()) {
      if (value !== expected[at]) return `${name} at ${at}: ${value} for ${expected[at]}`;
    }
  }
  return undefined;
}

/**
 * The kernels for processors with AVX-VNNI on those of another backend with relaxed SIMD, whose instruction is the same
 * for levels of up to 7 bits.
 */
export function forceWide({ name, threads, backend }: CpuBackend): CpuBackend {
  const wide = {
    name: `${name}-wide`,
    threads,
    simd: 'relaxed-wide' as const,
    backend: new TampCpuBackend({ ...backend.runtime, simd: 'relaxed-wide' }),
  };
  tf.copyRegisteredKernels(name, wide.name);
  tf.registerBackend(wide.name, () => wide.backend);
  return wide;
}

/**
 * The first quantized layer whose sums are integers and whose result on one of the backends has other bits than on the
 * first of them; none: undefined. `narrow` backends take part where levels have at most 7 bits.
 */
export async function firstDisagreement(
  backends: readonly CpuBackend[],
  narrow: readonly CpuBackend[],
): Promise<string | undefined> {
  const random = randomSource(51);
  for (let i = 0; i < 105; i++) {
    const int8 = i % 3 === 0;
    const groupSize = [32, 64, 128, undefined][i % 4];
    const c: WeightCase = {
      // Every width meets every group size.
      bits: int8 ? 8 : 2 + (i % 7),
      rows: integer(random, 1, 70),
      columns: int8 || groupSize === undefined ? integer(random, 1, 900) : groupSize * integer(random, 1, 5),
      groupSize: int8 ? undefined : groupSize,
      symmetric: i % 2 === 0,
    };
    const weight = randomWeight(random, c);
    const m = integer(random, 1, 12);
    const x = uniformValues(random, m * c.columns);
    const bias = uniformValues(random, c.rows);
    const activation = int8Activations[(i / 3) % int8Activations.length] ?? { kind: 'token' };
    const levelBits = !int8 ? c.bits : activation.kind !== 'token' && activation.reduceRange ? 7 : 8;
    const all = levelBits <= 7 ? [...backends, ...narrow] : backends;
    const other = await firstOther(all, () => {
      const operand = packWeights(weight, int8 ? 'int8' : 'groupwise');
      const [input, b] = [tf.tensor2d(x, [m, c.columns]), tf.tensor1d(bias)];
      const y = int8
        ? int8Linear(input, operand, b, activation)
        : groupwiseLinear(input, operand, b, 'int8-block');
      disposeOperand(operand);
      return y;
    });
    if (other !== undefined) return `${JSON.stringify({ ...c, m, ...(int8 ? activation : {}) })}: ${other}`;
  }
  return undefined;
}
