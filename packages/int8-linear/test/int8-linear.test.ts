import { Random } from '@tamp/core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { createInt8Linear, type Int8LinearSource, quantizeInt8Weight } from '../src/index.js';
import { overBackends } from './backends.js';

function matrix(rows: number, columns: number, seed = 1): tf.Tensor2D {
  return tf.tensor2d(new Random(seed).fillNormal(new Float32Array(rows * columns)), [rows, columns]);
}

async function valuesOf(tensor: tf.Tensor): Promise<Float32Array> {
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

overBackends('a single int8 layer', () => {
  test('made from its saved weight, it computes the same', async () => {
    const [weight, x] = [matrix(9, 33), matrix(4, 33, 2)];
    for (const granularity of ['channel', 'tensor'] as const) {
      const layer = await createInt8Linear({ weight, granularity });
      const again = await createInt8Linear({ weight: structuredClone(layer.weight) });
      expect(await valuesOf(again.apply(x))).toEqual(await valuesOf(layer.apply(x)));
      expect(again.describe()).toEqual(layer.describe());
      layer.dispose();
      again.dispose();
    }
    tf.dispose([weight, x]);
  });

  test('it is symmetric per channel and takes its input as FBGEMM’s operator does, unless told otherwise', async () => {
    const [weight, x] = [matrix(9, 33), matrix(4, 33, 2)];
    const outputOf = async (source: Omit<Int8LinearSource, 'weight'>): Promise<Float32Array> => {
      const layer = await createInt8Linear({ weight, ...source });
      const values = await valuesOf(layer.apply(x));
      layer.dispose();
      return values;
    };
    const expected = await outputOf({
      granularity: 'channel',
      activation: { kind: 'tensor', reduceRange: false },
    });
    expect(await outputOf({})).toEqual(expected);
    for (const other of [
      { granularity: 'tensor' },
      { activation: { kind: 'tensor', reduceRange: true } },
      { activation: { kind: 'token' } },
    ] as const) {
      expect(await outputOf(other)).not.toEqual(expected);
    }
    tf.dispose([weight, x]);
  });

  test('it describes the scales and zero points it computes with', async () => {
    const values = new Random(1).fillNormal(new Float32Array(9 * 33)).map((value) => value + 1);
    for (const granularity of ['channel', 'tensor'] as const) {
      const weight = quantizeInt8Weight(values, 9, 33, { granularity });
      const bias = tf.ones<tf.Rank.R1>([9]);
      const layer = await createInt8Linear({ weight, bias, activation: { kind: 'token' } });
      expect(layer.describe()).toEqual({
        inFeatures: 33,
        outFeatures: 9,
        bias: true,
        scale: weight.scales,
        zeroPoint: granularity === 'channel' ? new Int32Array(9) : Int32Array.from(weight.zeroPoints ?? []),
        activation: { kind: 'token' },
      });
      // Most values are positive: their zero lies below the middle of the levels.
      if (granularity === 'tensor') expect(layer.describe().zeroPoint[0]).toBeLessThan(0);
      layer.dispose();
      bias.dispose();
    }
  });

  test('the tensors it was made from may be disposed of', async () => {
    const [weight, x] = [matrix(9, 33), matrix(4, 33, 2)];
    const bias = tf.tensor1d(new Float32Array(9).fill(0.5));
    const layer = await createInt8Linear({ weight, bias });
    const before = await valuesOf(layer.apply(x));
    tf.dispose([weight, bias]);
    expect(await valuesOf(layer.apply(x))).toEqual(before);
    layer.dispose();
    layer.dispose();
    expect(() => layer.apply(x)).toThrow('the layer was disposed of');
    x.dispose();
  });

  test('inputs of another width or dtype, and biases of another length, are refused', async () => {
    const weight = matrix(9, 32);
    const layer = await createInt8Linear({ weight });
    // 4 · 16 elements would also make two rows of 32.
    const [narrow, integers] = [matrix(4, 16), tf.zeros([4, 32], 'int32')];
    expect(() => layer.apply(narrow)).toThrow('the input is float32 [4, 16], not float32 with 32 features');
    expect(() => layer.apply(integers)).toThrow('the input is int32 [4, 32]');
    const bias = tf.zeros<tf.Rank.R1>([8]);
    await expect(createInt8Linear({ weight, bias })).rejects.toThrow(
      'the bias is float32 [8], not float32 [9]',
    );
    const others = [tf.zeros([9], 'int32'), tf.zeros([1, 9]), tf.zeros([3, 3])];
    for (const other of others) {
      await expect(createInt8Linear({ weight, bias: other as tf.Tensor1D })).rejects.toThrow(
        `the bias is ${other.dtype} [${other.shape.join(', ')}], not float32 [9]`,
      );
    }
    layer.dispose();
    tf.dispose([weight, narrow, integers, bias, ...others]);
  });

  test('vectors, batches of any rank and empty ones are rows', async () => {
    const weight = matrix(5, 16);
    for (const activation of [{ kind: 'token' }, { kind: 'tensor', reduceRange: false }] as const) {
      const layer = await createInt8Linear({ weight, activation });
      for (const leading of [[], [1], [3, 2], [2, 1, 2, 2], [0], [2, 0]]) {
        const rows = leading.reduce((product, size) => product * size, 1);
        const values = new Random(4).fillNormal(new Float32Array(rows * 16));
        const x = tf.tensor(values, [...leading, 16]);
        const flat = tf.tensor2d(values, [rows, 16]);
        const y = layer.apply(x);
        expect(y.shape).toEqual([...leading, 5]);
        expect(await valuesOf(y)).toEqual(await valuesOf(layer.apply(flat)));
        tf.dispose([x, flat]);
      }
      layer.dispose();
    }
    weight.dispose();
  });

  test('a weight that is not finite is refused', async () => {
    const weight = tf.tensor2d([1, 2, Number.NaN, 4], [2, 2]);
    await expect(createInt8Linear({ weight })).rejects.toThrow('the value at row 1, column 0 is NaN');
    weight.dispose();
  });

  test('what is no matrix, no whole saved weight, no activation is refused', async () => {
    const weights = [tf.zeros([3]), tf.zeros([3, 2, 1]), tf.zeros([3, 2], 'int32')];
    for (const weight of weights) {
      await expect(createInt8Linear({ weight: weight as tf.Tensor2D })).rejects.toThrow(
        /the weight is (float32|int32) \[3.*\], not a float32 matrix/,
      );
    }
    tf.dispose(weights);
    for (const shape of [
      [0, 3],
      [3, 0],
    ] as const) {
      const empty = tf.zeros([...shape]) as tf.Tensor2D;
      await expect(createInt8Linear({ weight: empty })).rejects.toThrow(
        `the weight has 0 elements, not ${shape.join(' × ')}. Give at least one row`,
      );
      empty.dispose();
    }
    const saved = quantizeInt8Weight(new Float32Array(6).fill(1), 2, 3, { granularity: 'tensor' });
    const scheme = { ...saved.scheme, bits: 4 };
    for (const [broken, message] of [
      [{ levels: saved.levels.subarray(1) }, 'has 5 levels, not 2 × 3'],
      [{ scales: new Float32Array(2) }, 'has 2 scales, not 1'],
      [{ zeroPoints: undefined }, 'has no zero points, not 1'],
      [{ scheme }, 'has no scheme of 8 bits'],
      [{ rows: 0, levels: new Int8Array(0) }, 'has 0 levels, not 0 × 3'],
      [{ scheme: { ...saved.scheme, symmetric: true } }, 'is symmetric and has zero points'],
    ] as const) {
      await expect(createInt8Linear({ weight: { ...saved, ...broken } as typeof saved })).rejects.toThrow(
        `the int8 weight ${message}`,
      );
    }
    for (const [activation, message] of [
      [{ scale: 0, zeroPoint: 0 }, 'needs a positive scale'],
      // Its float32 is subnormal and has no finite reciprocal.
      [{ scale: 1e-39, zeroPoint: 0 }, 'needs a positive scale'],
      [{ scale: 0.1, zeroPoint: 256 }, 'needs a zero point from 0 to 255'],
      [{ scale: 0.1, zeroPoint: 128, reduceRange: true }, 'needs a zero point from 0 to 127'],
    ] as const) {
      await expect(
        createInt8Linear({
          weight: saved,
          activation: { kind: 'static', reduceRange: false, ...activation },
        }),
      ).rejects.toThrow(message);
    }
  });
});

test('a weight of another size, an empty one, one that is not finite and options that do not exist are refused', () => {
  const weight = new Float32Array(6);
  for (const rule of ['fbgemm', 'compressed-tensors'] as const) {
    expect(() => quantizeInt8Weight(weight, 2, 2, { rule })).toThrow('has 6 elements, not 2 × 2');
    expect(() => quantizeInt8Weight(new Float32Array(0), 0, 2, { rule })).toThrow('not 0 × 2');
  }
  expect(() => quantizeInt8Weight(weight, 2, 3, { rule: 'other' as 'fbgemm' })).toThrow('no rule other');
  const broken = Float32Array.of(1, 2, 3, 4, Number.NaN, 6);
  for (const rule of ['fbgemm', 'compressed-tensors'] as const) {
    expect(() => quantizeInt8Weight(broken, 2, 3, { rule, layer: 'up' })).toThrow(
      'up: the value at row 1, column 1 is NaN',
    );
  }
  const granularity = 'group' as 'channel';
  expect(() => quantizeInt8Weight(weight, 2, 3, { granularity })).toThrow('no granularity group');
});

describe('between backends', () => {
  test('weights are packed anew for each, and the results are the same', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const values = new Random(3).fillNormal(new Float32Array(9 * 33));
    const layer = await createInt8Linear({ weight: quantizeInt8Weight(values, 9, 33) });
    const results: Float32Array[] = [];
    for (const backend of ['cpu', 'tamp-cpu', 'cpu']) {
      await tf.setBackend(backend);
      const x = matrix(4, 33, 2);
      results.push(await valuesOf(layer.apply(x)));
      x.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    layer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('one without the kernels is refused by name, with the package to install', async () => {
    tf.registerBackend('bare', () => new MathBackendCPU());
    await tf.setBackend('bare');
    const before = tf.memory().numTensors;
    const layer = await createInt8Linear({ weight: quantizeInt8Weight(new Float32Array(6).fill(1), 2, 3) });
    const x = tf.tensor2d([[1, 2, 3]]);
    expect(() => layer.apply(x)).toThrow(/the tfjs backend bare has no kernel .* @tamp\/backend-cpu/s);
    x.dispose();
    layer.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await tf.setBackend('cpu');
    tf.removeBackend('bare');
  });
});
