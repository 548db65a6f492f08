import {
  createModelRunner,
  graphFromJson,
  graphToJson,
  type Model,
  minMaxObserver,
  type OperatorNode,
  readParameter,
  runDataFree,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import int8Linear, {
  describeLinearLayers,
  type Int8LinearOptions,
  quantizeLinearLayers,
  quantizeStatically,
} from '../src/index.js';
import { overBackends } from './backends.js';
import { branches, normalBatches } from './graph-models.js';

function linearNodes(model: Model): readonly OperatorNode[] {
  return model.graph.nodes.filter(
    (node) => node.kind === 'operator' && node.operator.endsWith('linear'),
  ) as OperatorNode[];
}

async function outputOf(model: Model, x: tf.Tensor): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const { y } = await runner.run({ x });
  const values = Float32Array.from(await y.data());
  y.dispose();
  runner.dispose();
  return values;
}

/** ‖a − b‖ / ‖a‖ */
function distance(a: Float32Array, b: Float32Array): number {
  const norm = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(a.map((value, i) => value - b[i])) / norm(a);
}

overBackends('int8 layers in a graph', () => {
  // One layer's rounding error on normal data is about 0.7% with 8 bits and 1.4% with 7; two layers follow each other.
  const options: readonly (readonly [Int8LinearOptions, number])[] = [
    [{}, 0.02],
    [{ activation: { kind: 'tensor' } }, 0.025],
    [{ activation: { kind: 'tensor', reduceRange: true } }, 0.05],
    [{ activation: { kind: 'static' } }, 0.03],
    [{ activation: { kind: 'static', reduceRange: true, observer: 'histogram' } }, 0.06],
    [{ activation: { kind: 'static', observer: 'mse' }, weights: { granularity: 'tensor' } }, 0.04],
    [{ activation: { kind: 'static', observer: 'moving-average' } }, 0.15],
    [{ weights: { granularity: 'tensor' } }, 0.03],
  ];
  for (const [each, bound] of options) {
    test(`${JSON.stringify(each)}: the output stays within the rounding error`, async () => {
      const model = branches();
      const calibration = each.activation?.kind === 'static' ? { calibration: normalBatches(4) } : {};
      const { model: small } = await quantizeLinearLayers(model, each, calibration);
      expect(linearNodes(small).map(({ operator }) => operator)).toEqual(Array(3).fill('int8_linear'));
      const { x } = await normalBatches(1).batch(0);
      const error = distance(await outputOf(model, x), await outputOf(small, x));
      expect(error).toBeLessThan(bound);
      expect(error).toBeGreaterThan(1e-4);
      x.dispose();
    });
  }
});

describe('what it writes', () => {
  test('the plan names the bytes that are then there', async () => {
    for (const granularity of ['channel', 'tensor'] as const) {
      const options = { weights: { granularity } };
      const plan = int8Linear.create(int8Linear.options.parse(options)).plan(branches());
      const { layers } = await quantizeLinearLayers(branches(), options);
      expect(
        layers.map(({ layer, bytesBefore, bytesAfter, scheme }) => [layer, bytesBefore, bytesAfter, scheme]),
      ).toEqual(
        plan.targets.map(({ layer, bytesBefore, bytesAfter, scheme }) => [
          layer,
          bytesBefore,
          bytesAfter,
          scheme,
        ]),
      );
      // 24 × 24 float32; then a byte each, and 24 float32 scales, or one with its zero point.
      expect([layers[0].bytesBefore, layers[0].bytesAfter]).toEqual([
        24 * 24 * 4,
        24 * 24 + (granularity === 'channel' ? 24 * 4 : 5),
      ]);
    }
  });

  test('static scales and zero points are those of the observer over the same values, and shared by layers of one input', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const { model } = await quantizeLinearLayers(
      branches(),
      { activation: { kind: 'static', reduceRange: true } },
      { calibration: normalBatches(3) },
    );
    const observer = minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255, reduceRange: true } });
    for (let i = 0; i < 3; i++) {
      const { x } = await normalBatches(3).batch(i);
      observer.observe(Float32Array.from(await x.data()), x.shape);
      x.dispose();
    }
    const { scale, zeroPoint } = observer.params();
    const activation = { kind: 'static', reduceRange: true, scale: scale[0], zeroPoint: zeroPoint[0] };
    const descriptions = await describeLinearLayers(model);
    expect(descriptions.get('left')?.activation).toEqual(activation);
    expect(descriptions.get('right')?.activation).toEqual(activation);
    expect(descriptions.get('head')?.activation).not.toEqual(activation);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a weight that two matched layers share is quantized once and both become int8; an ignored one does not', async () => {
    const both = await quantizeLinearLayers(branches({ tied: true }));
    expect(both.layers.map(({ layer }) => layer)).toEqual(['left', 'right']);
    expect(linearNodes(both.model).map(({ operator }) => operator)).toEqual(Array(3).fill('int8_linear'));
    const one = await quantizeLinearLayers(branches({ tied: true }), { ignore: ['head'] });
    expect(linearNodes(one.model).map(({ operator }) => operator)).toEqual([
      'int8_linear',
      'int8_linear',
      'linear',
    ]);
  });

  test('the graph survives JSON', async () => {
    const { model } = await quantizeLinearLayers(
      branches(),
      { activation: { kind: 'static' } },
      { calibration: normalBatches(1) },
    );
    expect(graphFromJson(JSON.parse(graphToJson(model.graph)))).toEqual(model.graph);
  });

  test('layers describe themselves', async () => {
    const { model } = await quantizeLinearLayers(branches(), { weights: { granularity: 'tensor' } });
    const right = (await describeLinearLayers(model)).get('right');
    expect(right).toMatchObject({
      inFeatures: 24,
      outFeatures: 24,
      bias: false,
      activation: { kind: 'token' },
    });
    const weight = model.parameters.get('right.weight');
    const values = weight === undefined ? new Float32Array() : await readParameter(weight);
    const [scale, zero] = [right?.scale[0] ?? 0, right?.zeroPoint[0] ?? 0];
    // Every value is a whole number of steps; a few ulps of the division.
    for (const value of values) {
      const level = value / scale + zero;
      expect(Math.abs(level - Math.round(level))).toBeLessThan(1e-4);
    }
  });

  test('the schema makes a JSON schema, with a description for every option', () => {
    const schema = z.toJSONSchema(int8Linear.options, { io: 'input' });
    for (const option of Object.values(schema.properties ?? {})) expect(option).toHaveProperty('description');
  });
});

describe('what it refuses', () => {
  test.each([
    [
      { activation: { reduceRange: true } },
      'activation.reduceRange: reduceRange goes with kind tensor or static',
    ],
    [{ activation: { kind: 'static' } }, 'static activations need calibration data'],
    [{ weights: { granularity: 'group' } }, 'weights.granularity'],
    [{ targets: ['middle'] }, 'the target middle matches nothing'],
  ])('%j', async (options, message) => {
    await expect(quantizeLinearLayers(branches(), options as Int8LinearOptions)).rejects.toThrow(message);
  });

  test('a weight that is quantized already', async () => {
    const { model } = await quantizeLinearLayers(branches({ tied: true }), { ignore: ['head'] });
    await expect(quantizeLinearLayers(model)).rejects.toThrow(
      'head: its weight left.weight is quantized already (W8 channel sym). Start from the float model,',
    );
  });

  test('layers that are int8 already, by any target', async () => {
    const { model } = await quantizeLinearLayers(branches());
    for (const target of ['linear', 'left', '*', 're:left']) {
      await expect(quantizeLinearLayers(model, { targets: [target] })).rejects.toThrow(
        `left: the target ${target} matches only layers that are int8 already. Start from the float model.`,
      );
    }
    const { model: levels } = await quantizeStatically(
      branches(),
      { ignore: ['head'] },
      { calibration: normalBatches(1) },
    );
    await expect(
      quantizeStatically(levels, { targets: ['right'] }, { calibration: normalBatches(1) }),
    ).rejects.toThrow('right: the target right matches only layers that are int8 already');
    // What is float still can be made int8.
    const { layers } = await quantizeLinearLayers(levels);
    expect(layers.map(({ layer }) => layer)).toEqual(['head']);
  });

  test('what is no model', async () => {
    for (const thing of [undefined, null, {}, 'model']) {
      await expect(quantizeLinearLayers(thing as unknown as Model)).rejects.toThrow(
        'the first argument is no model',
      );
    }
  });

  test('a run on values that are not finite, naming the layer', async () => {
    await tf.setBackend('cpu');
    const { model } = await quantizeLinearLayers(branches(), { activation: { kind: 'tensor' } });
    const x = tf.fill([2, 24], Number.NaN);
    await expect(outputOf(model, x)).rejects.toThrow('left: the range [NaN, NaN] is not a finite range');
    x.dispose();
  });

  test('calibration values that are not finite, naming the layer', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const calibration = { count: 1, batch: async () => ({ x: tf.fill([2, 24], Number.NaN) }) };
    await expect(
      quantizeLinearLayers(branches(), { activation: { kind: 'static' } }, { calibration }),
    ).rejects.toThrow('@tamp/int8-linear, left: the value at row 0, column 0 is NaN');
    expect(tf.memory().numTensors).toBe(before);
  });

  test('static activations under a pipeline without data', async () => {
    const modifier = int8Linear.create(int8Linear.options.parse({ activation: { kind: 'static' } }));
    expect(modifier.needs).toBe('calibration');
    await expect(runDataFree(branches(), [{ name: int8Linear.name, modifier }])).rejects.toThrow(
      'there is no calibration data',
    );
  });

  test('to go on after an abort', async () => {
    const controller = new AbortController();
    const done: string[] = [];
    const onLayer = ({ layer }: { readonly layer: string }): void => {
      done.push(layer);
      controller.abort();
    };
    await expect(
      quantizeLinearLayers(branches(), {}, { signal: controller.signal, onLayer }),
    ).rejects.toThrow(/abort/i);
    expect(done).toEqual(['left']);
  });
});
