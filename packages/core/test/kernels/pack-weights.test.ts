import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  disposeOperand,
  int8Linear,
  type PlainQuantizedWeight,
  packDense,
  packWeights,
  packWeightTensors,
} from '../../src/index.js';

const plain: PlainQuantizedWeight = {
  scheme: { bits: 8, symmetric: true, granularity: { kind: 'channel' } },
  rows: 2,
  columns: 3,
  words: new Int32Array(packDense(Int8Array.of(1, -2, 3, -128, 0, 127), 8, 2, 3).buffer),
  scales: Float32Array.of(0.5, 0.25),
  zeroPoints: null,
};

test('a weight packs the same from the host and from tensors, and the tensors given stay the caller’s', async () => {
  await tf.setBackend('cpu');
  const before = tf.memory().numTensors;
  const x = tf.tensor2d([[1, -1, 0.5]]);
  const fromHost = packWeights(plain, 'int8');
  const words = tf.tensor(plain.words, [2, 1], 'int32');
  const scales = tf.tensor(plain.scales, [2, 1]);
  const fromTensors = packWeightTensors(
    { scheme: plain.scheme, rows: 2, columns: 3, words, scales, zeroPoints: null },
    'int8',
  );
  const [a, b] = [fromHost, fromTensors].map((weight) =>
    tf.tidy(() => int8Linear(x, weight, undefined, { kind: 'token' })),
  );
  expect(await a.data()).toEqual(await b.data());
  disposeOperand(fromHost);
  fromTensors.levels.dispose();
  expect(words.isDisposed || scales.isDisposed).toBe(false);
  tf.dispose([a, b, x, words, scales]);
  expect(tf.memory().numTensors).toBe(before);
});

test('a backend without the kernels refuses by name and keeps nothing', async () => {
  await tf.setBackend('cpu');
  tf.registerBackend('no-packed-kernels', () => new MathBackendCPU());
  await tf.setBackend('no-packed-kernels');
  const before = tf.memory().numTensors;
  expect(() => packWeights(plain, 'int8')).toThrow(
    'the tfjs backend no-packed-kernels has no kernel TampPackWeights',
  );
  expect(tf.memory().numTensors).toBe(before);
  await tf.setBackend('cpu');
  tf.removeBackend('no-packed-kernels');
});
