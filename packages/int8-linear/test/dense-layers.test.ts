import { registerCpuBackend } from '@tamp/backend-cpu';
import { minMaxObserver, packDense, Random } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Int8LinearOptions, quantizeInt8Weight, quantizeLinearLayers } from '../src/index.js';
import { free, int8Layers, nested, normal, predict, sequential } from './dense-models.js';

beforeEach(async () => {
  await tf.setBackend('cpu');
});
expectNoTensorLeaks();

/** One dense layer 48 → 32 with its weight [32, 48] as PyTorch stores it. */
function single(weight: Float32Array, options: { trainable?: boolean } = {}): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [tfl.layers.dense({ units: 32, inputShape: [48], useBias: false, name: 'only', ...options })],
  });
  const kernel = tf.tidy(() => tf.transpose(tf.tensor2d(weight, [32, 48])));
  model.setWeights([kernel]);
  kernel.dispose();
  return model;
}

/** Halves of a step, give or take a rounding: a division and the product with the reciprocal round them apart. */
const ties = Float32Array.from({ length: 32 * 48 }, (_, i) => {
  const largest = Math.fround(1 + Math.floor(i / 48) / 20);
  return i % 48 === 0 ? largest : ((i % 100) + 0.5) * Math.fround(largest / 127.5);
});

describe('what is written', () => {
  test('levels, bytes and scheme are those of the options', async () => {
    const levels = (['fbgemm', 'compressed-tensors'] as const).map((rule) =>
      packDense(quantizeInt8Weight(ties, 32, 48, { rule }).levels, 8, 32, 48),
    );
    expect(levels[0]).not.toEqual(levels[1]);
    for (const kind of ['token', 'tensor'] as const) {
      const model = single(ties);
      const { model: small, layers } = await quantizeLinearLayers(model, { activation: { kind } });
      const [words] = int8Layers(small)[0].getWeights();
      expect(new Uint8Array((await words.data<'int32'>()).slice().buffer)).toEqual(
        new Uint8Array(levels[kind === 'token' ? 1 : 0].buffer),
      );
      // A byte for each weight and a float32 scale for each output, of 4 bytes for each weight.
      expect(layers).toMatchObject([
        {
          layer: 'only',
          parameter: 'only/kernel',
          scheme: `W8 channel sym, A8 ${kind}`,
          bytesBefore: 4 * 32 * 48,
          bytesAfter: 32 * 48 + 4 * 32,
        },
      ]);
      free(small);
      free(model);
    }
  });

  test('layers describe scales and zero points per channel and per tensor', async () => {
    const weight = new Random(3).fillNormal(new Float32Array(32 * 48)).map((value) => value + 1);
    for (const granularity of ['channel', 'tensor'] as const) {
      const model = single(weight);
      const options: Int8LinearOptions = {
        weights: { granularity },
        activation: { kind: 'tensor', reduceRange: true },
      };
      const { model: small } = await quantizeLinearLayers(model, options);
      const { scales, zeroPoints } = quantizeInt8Weight(weight, 32, 48, { granularity });
      expect(await int8Layers(small)[0].describe()).toEqual({
        inFeatures: 48,
        outFeatures: 32,
        bias: false,
        scale: scales,
        zeroPoint: zeroPoints === undefined ? new Int32Array(32) : Int32Array.from(zeroPoints),
        activation: options.activation,
      });
      // Most values are positive: their zero lies below the middle of the levels.
      if (granularity === 'tensor') expect(zeroPoints?.[0]).toBeLessThan(0);
      free(small);
      free(model);
    }
  });
});

describe('calibration', () => {
  test('a layer’s range is that of its inputs in all batches, which may come late', async () => {
    const model = sequential();
    const batches = [1, 5, 0.1].map((size, i) => tf.tidy(() => tf.mul(normal([3 + i, 24], i), size)));
    async function* late(): AsyncGenerator<tf.Tensor> {
      for (const batch of batches) {
        await tf.nextFrame();
        yield batch;
      }
    }
    for (const calibration of [batches, late()]) {
      const { model: small } = await quantizeLinearLayers(
        model,
        { activation: { kind: 'static' } },
        { calibration },
      );
      const observer = minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 } });
      for (const batch of batches) observer.observe(Float32Array.from(await batch.data()), batch.shape);
      const { scale, zeroPoint } = observer.params();
      expect((await int8Layers(small)[0].describe()).activation).toEqual({
        kind: 'static',
        reduceRange: false,
        scale: scale[0],
        zeroPoint: zeroPoint[0],
      });
      free(small);
    }
    await expect(
      quantizeLinearLayers(model, { activation: { kind: 'static' } }, { calibration: [] }),
    ).rejects.toThrow('up: no values were observed');
    free(model);
    tf.dispose(batches);
  });

  test('an abort ends it before the next batch, and the work before the next layer', async () => {
    const model = sequential();
    const batch = normal([3, 24]);
    const calibrating = new AbortController();
    const given: number[] = [];
    function* batches(): Generator<tf.Tensor> {
      for (let i = 0; i < 3; i++) {
        given.push(i);
        if (i === 1) calibrating.abort();
        yield batch;
      }
    }
    await expect(
      quantizeLinearLayers(
        model,
        { activation: { kind: 'static' } },
        { calibration: batches(), signal: calibrating.signal },
      ),
    ).rejects.toThrow(/abort/i);
    expect(given).toEqual([0, 1]);
    const working = new AbortController();
    const done: string[] = [];
    await expect(
      quantizeLinearLayers(
        model,
        {},
        {
          signal: working.signal,
          onLayer: ({ layer }) => {
            done.push(layer);
            if (layer === 'middle') working.abort();
          },
        },
      ),
    ).rejects.toThrow(/abort/i);
    expect(done).toEqual(['up', 'middle']);
    free(model);
    batch.dispose();
  });
});

describe('int8 layers are layers like others', () => {
  test('they pass masks on, tell hooks of their calls, refuse another width and have nothing to train', async () => {
    const model = tfl.sequential({
      layers: [
        tfl.layers.masking({ maskValue: 0, inputShape: [5, 8] }),
        tfl.layers.dense({ units: 6, name: 'inside' }),
      ],
    });
    const { model: small } = await quantizeLinearLayers(model);
    const x = normal([2, 5, 8]);
    const mask = tf.ones([2, 5], 'bool');
    const [inside] = int8Layers(small);
    const seen: (readonly (number | null)[])[] = [];
    inside.setCallHook((inputs) => {
      seen.push((Array.isArray(inputs) ? inputs[0] : inputs).shape);
    });
    await predict(small, x);
    expect(seen).toEqual([[2, 5, 8]]);
    inside.clearCallHook();
    expect(inside.computeMask(x, mask)).toBe(mask);
    const narrow = normal([2, 5, 7]);
    expect(() => inside.apply(narrow)).toThrow(/axis -1 of input shape to have value 8/);
    expect(inside.trainableWeights).toEqual([]);
    expect(inside.getWeights()).toHaveLength(3);
    free(small);
    free(model);
    tf.dispose([x, mask, narrow]);
  });

  test('a layer that was not to be trained is still not to be', async () => {
    for (const trainable of [true, false]) {
      const model = single(ties, { trainable });
      const { model: small } = await quantizeLinearLayers(model);
      expect(int8Layers(small)[0].trainable).toBe(trainable);
      free(small);
      free(model);
    }
  });

  test('weights are packed anew for each backend, and the results are the same', async () => {
    const { name } = await registerCpuBackend();
    const model = single(ties);
    const { model: small } = await quantizeLinearLayers(model);
    const results: Float32Array[] = [];
    for (const backend of ['cpu', name, 'cpu']) {
      await tf.setBackend(backend);
      const x = normal([4, 48]);
      results.push(await predict(small, x));
      x.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    free(small);
    free(model);
  });
});

describe('what is refused', () => {
  test('int8 layers chosen by the class they had', async () => {
    const model = nested();
    const { model: small } = await quantizeLinearLayers(model);
    await expect(quantizeLinearLayers(small, { targets: ['Dense'] })).rejects.toThrow(
      'the target Dense matches only layers that are int8 already',
    );
    free(small);
    free(model);
  });

  test('a model that tf.layers rebuilds with another structure', async () => {
    class Changeling extends tfl.layers.Layer {
      static readonly className = 'Changeling';
      static override fromConfig<T extends tf.serialization.Serializable>(): T {
        return tfl.layers.reLU({ name: 'changed' }) as unknown as T;
      }
    }
    tf.serialization.registerClass(Changeling);
    const model = tfl.sequential({
      layers: [tfl.layers.dense({ units: 3, inputShape: [4] }), new Changeling({})],
    });
    await expect(quantizeLinearLayers(model)).rejects.toThrow(
      'tf.layers rebuilt the model with another structure',
    );
    free(model);
  });
});
