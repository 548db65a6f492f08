import { readTensorFixture } from '@tamp/fixtures';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import {
  createInt8Linear,
  type Int8LinearOptions,
  quantizeLinearLayers,
  registerInt8Layers,
} from '../src/index.js';
import { overBackends } from './backends.js';
import { fillNormal, free, int8Layers, nested, normal, predict, sequential } from './dense-models.js';

/** ‖a − b‖ / ‖a‖ */
function distance(a: Float32Array, b: Float32Array): number {
  const norm = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(a.map((value, i) => value - b[i])) / norm(a);
}

overBackends('a tf.layers model', () => {
  // One layer's rounding error on normal data is about 1% with 8 bits and 2% with 7; up to three follow each other.
  const options: readonly (readonly [Int8LinearOptions, number])[] = [
    [{}, 0.03],
    [{ activation: { kind: 'tensor' } }, 0.03],
    [{ activation: { kind: 'tensor', reduceRange: true }, weights: { granularity: 'tensor' } }, 0.06],
    [{ activation: { kind: 'static' } }, 0.04],
    [{ activation: { kind: 'static', reduceRange: true, observer: 'histogram' } }, 0.08],
  ];
  for (const [each, bound] of options) {
    test(`${JSON.stringify(each)}: nested and shared layers, outputs within the rounding error`, async () => {
      const model = nested();
      const x = [normal([7, 24]), normal([7, 24], 3)];
      const run = each.activation?.kind === 'static' ? { calibration: [x] } : {};
      const { model: small, layers } = await quantizeLinearLayers(model, each, run);
      expect(layers.map(({ layer }) => layer).sort()).toEqual(['block.inside', 'shared', 'tail.first']);
      const error = distance(await predict(model, x), await predict(small, x));
      expect(error).toBeLessThan(bound);
      expect(error).toBeGreaterThan(1e-4);
      free(small);
      free(model);
      tf.dispose(x);
    });
  }

  test('each layer computes exactly what the same matrix alone does, then its activation function', async () => {
    const model = sequential();
    const x = normal([5, 24]);
    const { model: small } = await quantizeLinearLayers(model, {
      activation: { kind: 'tensor', reduceRange: true },
    });
    const functions = [
      tf.relu,
      (y: tf.Tensor) => tf.clipByValue(tf.add(tf.mul(y, 0.2), 0.5), 0, 1),
      tf.softmax,
    ];
    let expected: tf.Tensor = x.clone();
    for (const [i, layer] of model.layers.entries()) {
      const [kernel, bias] = layer.getWeights() as [tf.Tensor2D, tf.Tensor1D | undefined];
      const weight = tf.tidy(() => tf.transpose(kernel));
      const single = await createInt8Linear({
        weight,
        activation: { kind: 'tensor', reduceRange: true },
        ...(bias === undefined ? {} : { bias }),
      });
      const next = tf.tidy(() => functions[i](single.apply(expected)));
      single.dispose();
      tf.dispose([expected, weight]);
      expected = next;
    }
    const values = Float32Array.from(await expected.data());
    const actual = await predict(small, x);
    // The int8 parts are equal bit for bit; hardSigmoid and softmax round their few operations in an order of their own.
    values.forEach((value, i) => {
      expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(1e-6);
    });
    free(small);
    free(model);
    tf.dispose([x, expected]);
  });

  test('the original predicts as before, and may be disposed of first', async () => {
    const model = nested();
    const x = [normal([3, 24]), normal([3, 24], 3)];
    const before = await predict(model, x);
    const { model: small } = await quantizeLinearLayers(model);
    expect(await predict(model, x)).toEqual(before);
    const after = await predict(small, x);
    free(model);
    expect(await predict(small, x)).toEqual(after);
    free(small);
    tf.dispose(x);
  });

  test('saved and loaded, it predicts the same; its weights are saved at a byte each', async () => {
    for (const granularity of ['channel', 'tensor'] as const) {
      const model = nested();
      const x = [normal([3, 24]), normal([3, 24], 3)];
      const { model: small, layers } = await quantizeLinearLayers(
        model,
        { weights: { granularity }, activation: { kind: 'static' } },
        { calibration: [x] },
      );
      const expected = await predict(small, x);
      const saved: tf.io.ModelArtifacts[] = [];
      await small.save(
        tf.io.withSaveHandler(async (artifacts) => {
          saved.push(artifacts);
          return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
        }),
      );
      free(small);
      const [{ weightSpecs = [], weightData }] = saved;
      const words = weightSpecs.filter(({ name }) => name.endsWith('/levels'));
      const bytes = words.map(({ shape, dtype }) =>
        dtype === 'int32' ? 4 * shape[0] * shape[1] : Number.NaN,
      );
      expect(bytes.reduce((a, b) => a + b, 0)).toBe(
        layers.reduce((sum, { bytesBefore }) => sum + bytesBefore / 4, 0),
      );
      await registerInt8Layers();
      const loaded = await tfl.loadLayersModel(
        tf.io.fromMemory({ ...saved[0], ...(weightData === undefined ? {} : { weightData }) }),
      );
      expect(await predict(loaded, x)).toEqual(expected);
      free(loaded);
      free(model);
      tf.dispose(x);
    }
  });

  test('new weights are packed anew', async () => {
    const [one, two] = [sequential(), sequential()];
    fillNormal(two, 9);
    const [a, b] = [await quantizeLinearLayers(one), await quantizeLinearLayers(two)];
    const x = normal([4, 24]);
    const before = await predict(a.model, x);
    a.model.setWeights(b.model.getWeights());
    const after = await predict(a.model, x);
    expect(after).toEqual(await predict(b.model, x));
    expect(after).not.toEqual(before);
    for (const model of [one, two, a.model, b.model]) free(model);
    x.dispose();
  });

  test('dense layers applied to time steps, and batches of sequences', async () => {
    const model = tfl.sequential({
      layers: [
        tfl.layers.timeDistributed({
          layer: tfl.layers.dense({ units: 20, name: 'each' }),
          inputShape: [6, 24],
          name: 'steps',
        }),
        tfl.layers.dense({ units: 8, name: 'all' }),
        tfl.layers.globalAveragePooling1d(),
      ],
    });
    fillNormal(model);
    const { model: small, layers } = await quantizeLinearLayers(model);
    expect(layers.map(({ layer }) => layer)).toEqual(['steps.each', 'all']);
    const x = normal([3, 6, 24]);
    expect(distance(await predict(model, x), await predict(small, x))).toBeLessThan(0.03);
    free(small);
    free(model);
    x.dispose();
  });

  test('the digits MLP keeps its answers', async () => {
    const file = readTensorFixture('digits', 'mlp.safetensors');
    const names = file.names.filter((name) => name.endsWith('.weight'));
    const model = tfl.sequential({
      layers: names.map((name, i) =>
        tfl.layers.dense({
          units: file.get(name).shape[0],
          inputShape: [file.get(name).shape[1]],
          activation: i === names.length - 1 ? 'linear' : 'relu',
        }),
      ),
    });
    const weights = names.flatMap((name) => [
      tf.tidy(() => tf.transpose(tf.tensor(file.get(name).float32(), [...file.get(name).shape]))),
      tf.tensor1d(file.get(name.replace('.weight', '.bias')).float32()),
    ]);
    model.setWeights(weights);
    tf.dispose(weights);
    const data = readTensorFixture('digits', 'digits.safetensors');
    const images = data.get(data.names.find((name) => data.get(name).shape.length > 1) ?? '');
    const x = tf.tensor(
      Float32Array.from(images.numbers(), (value) => value / 16),
      [images.shape[0], 64],
    );
    const best = async (each: tfl.LayersModel): Promise<number[]> => {
      const classes = tf.tidy(() => tf.argMax(each.predict(x) as tf.Tensor, 1));
      const values = Array.from(await classes.data());
      classes.dispose();
      return values;
    };
    const expected = await best(model);
    const { model: small } = await quantizeLinearLayers(model);
    const actual = await best(small);
    const same = actual.filter((value, i) => value === expected[i]).length;
    // A handful of images lie on the border between two digits.
    expect(same / expected.length).toBeGreaterThan(0.995);
    free(small);
    free(model);
    x.dispose();
  });
});

describe('choosing layers of a tf.layers model', () => {
  test.each<[Int8LinearOptions, string[]]>([
    [{ targets: ['Dense'], ignore: ['block'] }, ['shared', 'tail.first']],
    [{ targets: ['tail'] }, ['tail.first']],
    [{ targets: ['Sequential', 're:sha'] }, ['shared', 'tail.first']],
    [{ ignore: ['*.*'] }, ['shared']],
  ])('%j', async (options, expected) => {
    await tf.setBackend('cpu');
    const model = nested();
    const { model: small, layers } = await quantizeLinearLayers(model, options);
    expect(layers.map(({ layer }) => layer).sort()).toEqual(expected);
    free(small);
    free(model);
  });

  test('layers describe themselves', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const model = sequential();
    const { model: small } = await quantizeLinearLayers(model, { weights: { granularity: 'tensor' } });
    const [, middle] = int8Layers(small);
    const description = await middle.describe();
    expect(description).toMatchObject({
      inFeatures: 40,
      outFeatures: 16,
      bias: false,
      activation: { kind: 'token' },
    });
    expect([description.scale.length, description.zeroPoint.length]).toEqual([1, 1]);
    expect(middle.getConfig()).toMatchObject({ name: 'middle', units: 16, activation: 'hardSigmoid' });
    free(small);
    free(model);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('what a tf.layers model is refused for', () => {
  test.each<[Int8LinearOptions, string]>([
    [
      { targets: ['conv2d'] },
      'the target conv2d matches nothing. This model has for example: up, middle, down.',
    ],
    [{ ignore: ['linear'] }, 'no layer is left after ignore'],
    [{ activation: { kind: 'static' } }, 'static activations need calibration data'],
    [{ activation: { reduceRange: true } }, 'reduceRange goes with kind tensor or static'],
  ])('%j', async (options, message) => {
    await tf.setBackend('cpu');
    const model = sequential();
    const before = tf.memory().numTensors;
    await expect(quantizeLinearLayers(model, options)).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    free(model);
  });

  test('being int8 already; what is float still can be made int8', async () => {
    await tf.setBackend('cpu');
    const model = nested();
    const { model: part } = await quantizeLinearLayers(model, { ignore: ['shared'] });
    for (const target of ['tail', 'block.inside']) {
      await expect(quantizeLinearLayers(part, { targets: [target] })).rejects.toThrow(
        `the target ${target} matches only layers that are int8 already. Start from the float model.`,
      );
    }
    const x = [normal([3, 24]), normal([3, 24], 3)];
    const { model: whole } = await quantizeLinearLayers(model);
    const { model: rest, layers } = await quantizeLinearLayers(part);
    expect(layers.map(({ layer }) => layer)).toEqual(['shared']);
    expect(await predict(rest, x)).toEqual(await predict(whole, x));
    await expect(quantizeLinearLayers(rest)).rejects.toThrow(
      'shared: the target linear matches only layers that are int8 already',
    );
    for (const each of [model, part, whole, rest]) free(each);
    tf.dispose(x);
  });

  test('weights and calibration values that are not finite, naming the layer', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const model = sequential();
    const bad = tf.fill([2, 24], Number.POSITIVE_INFINITY);
    await expect(
      quantizeLinearLayers(model, { activation: { kind: 'static' } }, { calibration: [bad] }),
    ).rejects.toThrow('up: the value at row 0, column 0 is Infinity');
    bad.dispose();
    const weights = model.getWeights().map((weight) => tf.fill(weight.shape, Number.NaN));
    model.setWeights(weights);
    tf.dispose(weights);
    await expect(quantizeLinearLayers(model)).rejects.toThrow('up: the value at row 0, column 0 is NaN');
    free(model);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('calibration batches that do not fit its inputs, before any of a list flows', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const [one, two] = [sequential(), nested()];
    const [wide, narrow, fewer, sample] = [normal([3, 24]), normal([3, 8]), normal([2, 24]), normal([24])];
    const settings = { activation: { kind: 'static' } } as const;
    const refused = async (
      model: tfl.LayersModel,
      calibration: (tf.Tensor | tf.Tensor[])[],
      error: string,
    ) => {
      let calls = 0;
      model.layers[1].setCallHook(() => void calls++);
      async function* coming() {
        yield* calibration;
      }
      for (const batches of [calibration, coming()]) {
        const work = quantizeLinearLayers(model, settings, { calibration: batches });
        await expect(work).rejects.toThrow(expect.objectContaining({ code: 'usage', message: error }));
        if (batches === calibration) expect(calls).toBe(0);
      }
    };
    const [input, a, b] = [...one.inputs, ...two.inputs].map(({ name }) => name);
    await refused(
      one,
      [wide, narrow],
      `calibration batch 2 has shape [3, 8] for the input ${input}, and the model wants [any, 24]. Give the samples the shape that the model was made for; the first dimension counts them.`,
    );
    await refused(
      one,
      [sample],
      `calibration batch 1 has shape [24] for the input ${input}, and the model wants [any, 24]. The first dimension counts samples: add it with tf.expandDims(sample, 0).`,
    );
    await refused(
      two,
      [[wide, wide], wide],
      `calibration batch 2 has 1 tensor, and the model the inputs ${a}, ${b}. Give one tensor for each input, in this order.`,
    );
    await refused(
      two,
      [[wide, fewer]],
      `calibration batch 1 has 2 samples for the input ${b}, and 3 for ${a}. Give every input as many samples.`,
    );
    tf.dispose([wide, narrow, fewer, sample]);
    free(one);
    free(two);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('running on a backend without the kernels, naming the backend and the package', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const model = sequential();
    const { model: small } = await quantizeLinearLayers(model);
    tf.copyRegisteredKernels('cpu', 'plain');
    for (const { kernelName } of tf.getKernelsForBackend('plain')) {
      if (kernelName.startsWith('Tamp')) tf.unregisterKernel(kernelName, 'plain');
    }
    tf.registerBackend('plain', () => new MathBackendCPU());
    await tf.setBackend('plain');
    const x = normal([2, 24]);
    expect(() => small.predict(x)).toThrow(/the tfjs backend plain has no kernel .* @tamp\/backend-cpu/s);
    await tf.setBackend('cpu');
    tf.removeBackend('plain');
    tf.dispose(x);
    free(small);
    free(model);
    expect(tf.memory().numTensors).toBe(before);
  });
});
