import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { operators, Random } from '../../src/index.js';
import { expectClose } from './expect-close.js';
import { runOperator } from './run-operator.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly stride: number;
  readonly padding: number;
}

/** The definition, one output element at a time in double precision. */
function convolve(x: Float32Array, w: Float32Array, bias: Float32Array, shape: Case): number[] {
  const [batch, channels, height, width] = shape.x;
  const [outputs, , kernelHeight, kernelWidth] = shape.weight;
  const { stride, padding } = shape;
  const result: number[] = [];
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      for (let top = -padding; top + kernelHeight <= height + padding; top += stride) {
        for (let left = -padding; left + kernelWidth <= width + padding; left += stride) {
          let sum = bias[o];
          for (let c = 0; c < channels; c++) {
            for (let i = 0; i < kernelHeight; i++) {
              for (let j = 0; j < kernelWidth; j++) {
                const [row, column] = [top + i, left + j];
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                sum +=
                  x[((n * channels + c) * height + row) * width + column] *
                  w[((o * channels + c) * kernelHeight + i) * kernelWidth + j];
              }
            }
          }
          result.push(sum);
        }
      }
    }
  }
  return result;
}

const cases: readonly Case[] = [
  { x: [2, 3, 5, 7], weight: [4, 3, 3, 3], stride: 1, padding: 1 },
  { x: [1, 2, 8, 6], weight: [3, 2, 3, 2], stride: 2, padding: 0 },
  { x: [1, 1, 4, 4], weight: [2, 1, 1, 1], stride: 3, padding: 0 },
  { x: [1, 2, 5, 5], weight: [1, 2, 5, 5], stride: 2, padding: 2 },
];

describe('conv2d', () => {
  it.each(cases)(
    'equals the definition for x $x, weight $weight, stride $stride, padding $padding',
    (shape) => {
      const random = new Random(7);
      const values = (sizes: readonly number[]): Float32Array =>
        Float32Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, () => random.between(-1, 1));
      const [x, w, bias] = [values(shape.x), values(shape.weight), values([shape.weight[0]])];
      const actual = runOperator(
        'conv2d',
        [tf.tensor(x, [...shape.x]), tf.tensor(w, [...shape.weight]), tf.tensor(bias)],
        {
          stride: shape.stride,
          padding: shape.padding,
        },
      );
      // At most 50 products of magnitude 1 are summed in float32.
      expectClose(actual, convolve(x, w, bias, shape), 1e-5);
    },
  );

  it('works without a bias', () => {
    const x = tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]);
    const actual = runOperator('conv2d', [x, tf.tensor4d([2], [1, 1, 1, 1])], { stride: 1, padding: 0 });
    expect(actual).toEqual(Float32Array.of(2, 4, 6, 8));
  });

  it('refuses what does not fit, naming the layer', () => {
    const type = (shape: number[]): { dtype: 'float32'; shape: number[] } => ({ dtype: 'float32', shape });
    const infer = (shapes: number[][], attributes = { stride: 1, padding: 0 }): unknown =>
      operators.infer('conv2d', shapes.map(type), attributes, 'features.0');
    expect(() =>
      infer([
        [1, 2, 8, 8],
        [4, 3, 3, 3],
      ]),
    ).toThrow(/^features\.0: .*2 channels, the weight 3/);
    expect(() =>
      infer([
        [1, 3, 2, 8],
        [4, 3, 3, 3],
      ]),
    ).toThrow('a window of 3 does not fit into 2');
    expect(() =>
      infer([
        [1, 3, 8],
        [4, 3, 3, 3],
      ]),
    ).toThrow('x must be');
    expect(() =>
      infer([
        [1, 3, 8, 8],
        [4, 27],
      ]),
    ).toThrow('four dimensions');
    expect(() => infer([[1, 3, 8, 8], [4, 3, 3, 3], [3]])).toThrow('bias must have shape [4]');
    expect(() =>
      infer(
        [
          [1, 3, 8, 8],
          [4, 3, 3, 3],
        ],
        { stride: 0, padding: 0 },
      ),
    ).toThrow('stride');
    expect(() =>
      infer(
        [
          [1, 3, 8, 8],
          [4, 3, 3, 3],
        ],
        { stride: 1, padding: -1 },
      ),
    ).toThrow('padding');
  });

  it('leaves unknown sizes unknown', () => {
    const x = { dtype: 'float32' as const, shape: [null, 3, null, 9] };
    const weight = { dtype: 'float32' as const, shape: [4, 3, 3, 3] };
    const { shape } = operators.infer('conv2d', [x, weight], { stride: 2, padding: 1 }, 'layer');
    expect(shape).toEqual([null, 4, null, 5]);
  });
});

describe('max_pool2d', () => {
  it('takes the largest value of each window of each channel and leaves out what fills none', () => {
    // Two channels of 3 × 5; windows of 2 with stride 2 leave out the last row and column.
    const first = [1, 2, 3, 4, 99, 5, 6, 7, 8, 99, 99, 99, 99, 99, 99];
    const x = tf.tensor4d([...first, ...first.map((value) => -value)], [1, 2, 3, 5]);
    expect(runOperator('max_pool2d', [x], { size: 2, stride: 2 })).toEqual(Float32Array.of(6, 8, -1, -3));
  });

  it('overlaps windows when the stride is smaller than the size', () => {
    const x = tf.tensor4d([3, 1, 2, 5, 4, 0], [1, 1, 2, 3]);
    expect(runOperator('max_pool2d', [x], { size: 2, stride: 1 })).toEqual(Float32Array.of(5, 4));
  });
});

describe('flatten', () => {
  it('keeps the first dimension and the order of the others', () => {
    const x = tf.tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      [2, 3, 2, 2],
    );
    expect(runOperator('flatten', [x])).toEqual(Float32Array.from({ length: 24 }, (_, i) => i));
  });

  it('knows the width only when every size is known', () => {
    const infer = (shape: (number | null)[]): unknown =>
      operators.infer('flatten', [{ dtype: 'float32', shape }], {}, 'layer').shape;
    expect(infer([null, 3, 4])).toEqual([null, 12]);
    expect(infer([null, null, 4])).toEqual([null, null]);
    expect(() => infer([3])).toThrow('batch dimension');
  });
});
