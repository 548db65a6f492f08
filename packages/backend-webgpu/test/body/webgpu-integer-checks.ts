import {
  chooseAffineParams,
  type QuantizedActivation,
  quantizePerTensor,
  quantizePerToken,
  roundToInt8Blocks,
} from '@tamp/core';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { runningBackend } from '../../src/backend/tamp-webgpu-backend.js';
import { int8ProductPass } from '../../src/kernels/int8-linear.js';
import {
  type ActivationQuantization,
  headerWords,
  quantizedRowWords,
  quantizePass,
  rangePass,
} from '../../src/kernels/quantize-activation.js';
import { roundToInt8BlocksPass } from '../../src/kernels/round-to-int8-blocks.js';
import { type ComputePass, type ProgramRunner, runPass } from '../../src/program/compute-program.js';
import { type IntegerDot, supportedIntegerDot } from '../../src/wgsl/integer-dot.js';
import { type Check, expectSame } from './check.js';

function runner(): ProgramRunner {
  return tf.backend() as unknown as ProgramRunner;
}

/** Runs a pass on the current backend as a tensor that `tidy` frees. */
function passTensor(pass: ComputePass): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(runPass(runner(), pass));
}

function quantize(x: tf.Tensor, m: number, columns: number, quantization: ActivationQuantization): tf.Tensor {
  const range = quantization.kind === 'tensor' ? passTensor(rangePass(x, m * columns)) : undefined;
  return passTensor(quantizePass(x, m, columns, quantization, range));
}

function reference(
  x: Float32Array,
  m: number,
  columns: number,
  quantization: ActivationQuantization,
): QuantizedActivation {
  if (quantization.kind === 'token') return quantizePerToken(x, m, columns);
  const { largestLevel } = quantization;
  const { scale, zeroPoint } =
    quantization.kind === 'static'
      ? quantization
      : chooseAffineParams(
          x.reduce((a, b) => Math.min(a, b), 0),
          x.reduce((a, b) => Math.max(a, b), 0),
          { rule: 'fbgemm', qmin: 0, qmax: largestLevel },
        );
  return quantizePerTensor(x, m, scale, zeroPoint, largestLevel);
}

/** Levels, scales and zero points from the words of `quantizePass`, undoing the shift of unsigned levels. */
function decode(words: Int32Array, m: number, columns: number, shift: number): QuantizedActivation {
  const width = quantizedRowWords(columns);
  const bytes = new Int8Array(words.buffer, words.byteOffset, words.byteLength);
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const levels = new Int32Array(m * columns);
  const scales = new Float32Array(m);
  const zeroPoints = new Int32Array(m);
  for (let row = 0; row < m; row++) {
    scales[row] = floats[row * width];
    zeroPoints[row] = words[row * width + 1] + shift;
    let sum = 0;
    for (let k = 0; k < columns; k++) {
      const level = bytes[4 * (row * width + headerWords) + k];
      sum += level;
      levels[row * columns + k] = level + shift;
    }
    if (sum !== words[row * width + 2])
      throw new Error(`sum of row ${row}: ${words[row * width + 2]} for ${sum}`);
  }
  return { levels, scales, zeroPoints };
}

const levelsEqual: Check = {
  name: 'activations quantized on the device have the levels, scales and zero points of the reference',
  async run(backend) {
    await tf.setBackend(backend);
    const random = randomSource(51);
    const kinds: ActivationQuantization[] = [
      { kind: 'token' },
      { kind: 'tensor', largestLevel: 255 },
      { kind: 'tensor', largestLevel: 127 },
      { kind: 'static', largestLevel: 255, scale: 0.0113, zeroPoint: 133 },
    ];
    for (let i = 0; i < 240; i++) {
      const quantization = kinds[i % kinds.length];
      const m = integer(random, 1, 12);
      const columns = i % 10 === 0 ? integer(random, 2000, 5000) : integer(random, 1, 200);
      // Magnitudes from 2^-60 to 2^60; one-sided and constant inputs; multiples of a step, which give ties.
      const magnitude = i % 3 === 0 ? 1 : 2 ** integer(random, -60, 60);
      const form = integer(random, 0, 4);
      const x = uniformValues(random, m * columns).map((v) => {
        if (form === 0) return Math.abs(v) * magnitude;
        if (form === 1) return -Math.abs(v) * magnitude;
        if (form === 2) return Math.round(v * 127.5) * magnitude;
        if (form === 3) return v < 0 ? v * magnitude * 2 ** -12 : v * magnitude;
        return v * magnitude;
      });
      const expected = reference(x, m, columns, quantization);
      const words = tf.tidy(() => quantize(tf.tensor2d(x, [m, columns]), m, columns, quantization));
      const actual = decode(
        Int32Array.from(await words.data()),
        m,
        columns,
        quantization.kind === 'token' ? 0 : 128,
      );
      words.dispose();
      const label = (): string => JSON.stringify({ quantization, m, columns, magnitude, form });
      expectSame(actual.scales, expected.scales, () => `scales ${label()}`);
      expectSame(actual.zeroPoints, expected.zeroPoints, () => `zero points ${label()}`);
      expectSame(actual.levels, expected.levels, () => `levels ${label()}`);
    }
  },
};

const blocksEqual: Check = {
  name: 'activations rounded to int8 blocks have the bits of the reference',
  async run(backend) {
    await tf.setBackend(backend);
    const random = randomSource(52);
    for (let i = 0; i < 40; i++) {
      const m = integer(random, 1, 9);
      const columns = integer(random, 1, 300);
      const magnitude = 2 ** integer(random, -50, 50);
      const x = uniformValues(random, m * columns).map((v) => (i % 5 === 0 ? 0 : v * magnitude));
      const result = tf.tidy(() =>
        passTensor(roundToInt8BlocksPass(tf.tensor2d(x, [m, columns]), m, columns)),
      );
      const values = await result.data();
      result.dispose();
      expectSame(values, roundToInt8Blocks(x, m, columns), () => JSON.stringify({ m, columns, magnitude }));
    }
  },
};

function accumulatorsEqual(dot: IntegerDot): Check {
  return {
    name: `int8 accumulators are the same integers (${dot} products)`,
    async run(backend) {
      await tf.setBackend(backend);
      const random = randomSource(53);
      const kinds: readonly ActivationQuantization[] = [
        { kind: 'static', largestLevel: 127, scale: 1, zeroPoint: 0 },
        { kind: 'static', largestLevel: 255, scale: 1, zeroPoint: 0 },
        { kind: 'static', largestLevel: 255, scale: 1, zeroPoint: 77 },
        { kind: 'token' },
      ];
      for (let i = 0; i < 80; i++) {
        const m = i % 2 === 0 ? integer(random, 1, 8) : integer(random, 9, 100);
        const n = integer(random, 1, i % 6 === 0 ? 150 : 40);
        const k = i % 20 === 0 ? 8192 : integer(random, 1, i % 4 === 0 ? 2000 : 200);
        const extreme = i % 5 === 0;
        const quantization = kinds[i % kinds.length];
        const x = Float32Array.from({ length: m * k }, () =>
          extreme ? (random() < 0.5 ? -127 : 255) : integer(random, -127, 255),
        );
        const levels = Int8Array.from({ length: n * k }, () =>
          extreme ? (random() < 0.6 ? -128 : 127) : integer(random, -128, 127),
        );
        const activation = reference(x, m, k, quantization);
        const weightZeros =
          i % 3 === 0 ? Int32Array.from({ length: n }, () => integer(random, -128, 127)) : undefined;
        const expected = new Float64Array(m * n);
        for (let row = 0; row < m; row++) {
          for (let channel = 0; channel < n; channel++) {
            let sum = 0;
            for (let at = 0; at < k; at++) {
              sum +=
                (activation.levels[row * k + at] - activation.zeroPoints[row]) *
                (levels[channel * k + at] - (weightZeros?.[channel] ?? 0));
            }
            expected[row * n + channel] = sum;
          }
        }
        const words = Math.ceil(k / 4);
        const bytes = new Int8Array(n * words * 4);
        for (let channel = 0; channel < n; channel++) {
          bytes.set(levels.subarray(channel * k, (channel + 1) * k), channel * words * 4);
        }
        const sums = tf.tidy(() =>
          passTensor(
            int8ProductPass({
              activation: quantize(tf.tensor2d(x, [m, k]), m, k, quantization),
              levels: tf.tensor2d(new Int32Array(bytes.buffer), [n, words], 'int32'),
              m,
              rows: n,
              columns: k,
              shifted: quantization.kind !== 'token',
              zeroPoints:
                weightZeros === undefined
                  ? []
                  : [{ name: 'zeroPoints', tensor: tf.tensor2d(weightZeros, [n, 1], 'int32') }],
              epilogue: undefined,
              dot,
              smallestSubgroup: runningBackend()?.smallestSubgroup,
            }),
          ),
        );
        const values = await sums.data();
        sums.dispose();
        expectSame(values, expected, () => JSON.stringify({ quantization, m, n, k, extreme, dot }));
      }
    },
  };
}

/** Checks of what is inside the WebGPU kernels: integers, which must be equal. */
export function integerChecks(): readonly Check[] {
  const dots: readonly IntegerDot[] =
    supportedIntegerDot() === 'packed' ? ['packed', 'unpacked'] : ['unpacked'];
  return [levelsEqual, blocksEqual, ...dots.map(accumulatorsEqual)];
}
