import { type Attributes, operators, packDense, packWeights } from '@tamp/core';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, expectSame, referenceBackend, valuesOn } from './check.js';

function apply(
  name: string,
  inputs: Parameters<ReturnType<typeof operators.get>['run']>[0],
  attributes: Attributes,
): tf.Tensor {
  return operators.get(name).run(inputs, attributes);
}

/** Static int8 from floats to floats: quantize, convolution with ReLU, pooling, reshape, linear, sum, dequantize. */
function network(seed: number): () => tf.Tensor {
  const random = randomSource(seed);
  const image = uniformValues(random, 3 * 2 * 8 * 8);
  const levels = (count: number): Int8Array =>
    Int8Array.from({ length: count }, () => integer(random, -128, 127));
  const kernel = levels(5 * 2 * 3 * 3);
  const dense = levels(4 * 80);
  const constants = (rows: number, size: number): Float32Array =>
    Float32Array.from({ length: rows }, () => Math.fround(size * (0.5 + random())));
  const factors = { kernel: constants(5, 2e-3), dense: constants(4, 5e-4) };
  const offsets = { kernel: constants(5, 900.3), dense: constants(4, -1e4) };
  const weight = (values: Int8Array, rows: number) => {
    const columns = values.length / rows;
    return packWeights(
      {
        scheme: { bits: 8, symmetric: true, granularity: { kind: 'channel' } },
        rows,
        columns,
        words: new Int32Array(packDense(values, 8, rows, columns).buffer),
        scales: new Float32Array(rows).fill(1),
        zeroPoints: null,
      },
      'int8',
    );
  };
  return () => {
    const x = apply('quantize', [tf.tensor4d(image, [3, 2, 8, 8])], { scale: 0.0131, zeroPoint: 117 });
    const convolved = apply(
      'quantized_conv2d',
      [x, weight(kernel, 5), tf.tensor1d(factors.kernel), tf.tensor1d(offsets.kernel)],
      { stride: 1, padding: 1, kernel: [3, 3], inputZeroPoint: 117, zeroPoint: 60, relu: true },
    );
    const pooled = apply('max_pool2d', [convolved], { size: 2, stride: 2 });
    const flat = apply('flatten', [pooled], {});
    const linear = apply(
      'quantized_linear',
      [flat, weight(dense, 4), tf.tensor1d(factors.dense), tf.tensor1d(offsets.dense)],
      { inputZeroPoint: 60, zeroPoint: 131, relu: false },
    );
    const sum = apply('quantized_add', [linear, apply('quantized_relu', [linear], { zeroPoint: 131 })], {
      aScale: 0.37,
      aZeroPoint: 131,
      bScale: 0.37,
      bZeroPoint: 131,
      scale: 0.71,
      zeroPoint: 128,
    });
    const floats = apply('dequantize', [sum], { scale: 0.71, zeroPoint: 128 });
    // Every level on the way as well as the result.
    return tf.concat(
      [convolved, pooled, linear, sum, floats].map((value) => tf.cast(tf.reshape(value, [-1]), 'float32')),
    );
  };
}

/** Levels are the same numbers on every backend. */
export const levelChecks: readonly Check[] = [
  {
    name: 'static int8 gives the levels of the reference from end to end',
    async run(backend) {
      for (const seed of [1, 2, 3]) {
        const expected = await valuesOn(referenceBackend, network(seed));
        const actual = await valuesOn(backend, network(seed));
        const between = expected.filter((level) => level > 0 && level < 255).length;
        if (between < expected.length / 4)
          throw new Error('nearly all levels are at the ends: the check shows nothing');
        expectSame(actual, expected, () => `seed ${seed}`);
      }
    },
  },
];
