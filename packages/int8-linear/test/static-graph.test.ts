import { type Model, minMaxObserver, type OperatorNode } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { quantizeStatically, type StaticInt8Options } from '../src/index.js';
import { shiftedParams } from '../src/static/value-params.js';
import { batches, imageModel, type LayerBuilder, runWhole, testModel } from './static-models.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const calibration = batches([6]);

async function quantized(model: Model, options: StaticInt8Options = {}): Promise<Model> {
  return (await quantizeStatically(model, options, { calibration })).model;
}

function operators(model: Model): readonly OperatorNode[] {
  return model.graph.nodes.filter((node) => node.kind === 'operator');
}

function operatorNames(model: Model): readonly string[] {
  return operators(model).map(({ operator }) => operator);
}

/** The scale and zero point that the output becomes a float by. */
function outputParams(model: Model): { readonly scale: number; readonly zeroPoint: number } {
  const last = operators(model).at(-1);
  if (last?.operator !== 'dequantize') throw new Error('the output is not dequantized');
  return { scale: Number(last.attributes.scale), zeroPoint: Number(last.attributes.zeroPoint) };
}

/** A model of 6 inputs. */
function model(body: (x: Parameters<Parameters<typeof testModel>[1]>[0], layers: LayerBuilder) => unknown) {
  return testModel([null, 6], body as Parameters<typeof testModel>[1]);
}

/** The largest difference between the float model and the int8 one, as a part of the largest output. */
async function distance(float: Model, int8: Model): Promise<number> {
  const [a, b] = [
    await runWhole(float, await calibration.batch(1)),
    await runWhole(int8, await calibration.batch(1)),
  ];
  const largest = a.y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.y.reduce((most, value, i) => Math.max(most, Math.abs(value - b.y[i])), 0) / largest;
}

describe('ReLU', () => {
  test('clamps at zero also where the range that is given goes below it', async () => {
    const one = model((x, { builder, layer }) => builder.apply('relu', [layer('one', 'linear', x, [4, 6])]));
    const sum = model((x, { builder, layer }) =>
      builder.apply('relu', [
        builder.apply('add', [layer('one', 'linear', x, [4, 6]), layer('two', 'linear', x, [4, 6])]),
      ]),
    );
    for (const [float, fused] of [
      [one, 'quantized_linear'],
      [sum, 'quantized_add'],
    ] as const) {
      const int8 = await quantized(float, { ranges: new Map([['relu', { min: -5, max: 12.85 }]]) });
      // The range is the one given, whatever was seen: 17.85 in 255 steps.
      expect(outputParams(int8)).toEqual({ scale: Math.fround(17.85 / 255), zeroPoint: 71 });
      expect(operatorNames(int8).at(-2)).toBe(fused);
      const { y } = await runWhole(int8, await calibration.batch(0));
      expect(Math.min(...y)).toBe(0);
      expect(await distance(float, int8)).toBeLessThan(0.05);
      // Nor does a range that the values leave grow.
      const narrow = await quantized(float, { ranges: new Map([['relu', { min: 0, max: 0.255 }]]) });
      expect(outputParams(narrow)).toEqual({ scale: Math.fround(Math.fround(0.255) / 255), zeroPoint: 0 });
    }
  });

  test('stays an operator of its own where something else reads what is before it', async () => {
    const float = model((x, { builder, layer }) => {
      const one = layer('one', 'linear', x, [4, 6]);
      return builder.apply('add', [one, builder.apply('relu', [one])]);
    });
    const int8 = await quantized(float);
    expect(operatorNames(int8)).toEqual([
      'quantize',
      'quantized_linear',
      'quantized_relu',
      'quantized_add',
      'dequantize',
    ]);
    expect(await distance(float, int8)).toBeLessThan(0.05);
  });
});

describe('a sum with a constant', () => {
  test('has a scale for the values before and after', async () => {
    const float = model((x, { builder, parameter, layer }) =>
      builder.apply('add', [
        layer('one', 'linear', x, [4, 6]),
        parameter('constant', [1], Float32Array.of(7)),
      ]),
    );
    const observer = minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 } });
    for (let i = 0; i < calibration.count; i++) {
      const { values } = await runWhole(float, await calibration.batch(i));
      for (const name of ['one.linear', 'add']) {
        const seen = values.get(name) ?? new Float32Array();
        observer.observe(seen, [seen.length]);
      }
    }
    const { scale, zeroPoint } = observer.params();
    const int8 = await quantized(float);
    expect(operatorNames(int8)).toEqual(['quantize', 'quantized_linear', 'dequantize']);
    expect(outputParams(int8)).toEqual({
      scale: scale[0],
      zeroPoint: zeroPoint[0] - Math.round(7 / scale[0]),
    });
  });

  test('moves the zero point up to the ends of the levels, and spreads them anew beyond', () => {
    const scale = 0.5;
    expect(shiftedParams({ scale, zeroPoint: 100 }, 50)).toEqual({
      params: { scale, zeroPoint: 0 },
      requantize: false,
    });
    expect(shiftedParams({ scale, zeroPoint: 100 }, -77.5)).toEqual({
      params: { scale, zeroPoint: 255 },
      requantize: false,
    });
    // 45 levels too far down: 300 steps have to be covered by 255; too far up: as many as from the zero point.
    expect(shiftedParams({ scale, zeroPoint: 100 }, 72.5)).toEqual({
      params: { scale: Math.fround((300 / 255) * scale), zeroPoint: 0 },
      requantize: true,
    });
    expect(shiftedParams({ scale, zeroPoint: 100 }, -100)).toEqual({
      params: { scale: Math.fround((300 / 255) * scale), zeroPoint: 255 },
      requantize: true,
    });
  });

  test('of one per column is computed in floats', async () => {
    const float = model((x, { builder, parameter, layer }) =>
      layer(
        'two',
        'linear',
        builder.apply('add', [layer('one', 'linear', x, [4, 6]), parameter('constant', [4])]),
        [3, 4],
      ),
    );
    const int8 = await quantized(float);
    expect(operatorNames(int8)).toEqual([
      'quantize',
      'quantized_linear',
      'dequantize',
      'add',
      'quantize',
      'quantized_linear',
      'dequantize',
    ]);
    expect(await distance(float, int8)).toBeLessThan(0.05);
  });
});

describe('the parameters', () => {
  test('are those that the int8 graph reads, no biases among them', async () => {
    const { model: int8 } = await quantizeStatically(imageModel(), {}, { calibration: batches([2, 6, 6]) });
    const layers = ['first.conv2d', 'left.conv2d', 'right.conv2d', 'head.linear'];
    const expected = layers.flatMap((layer) => [
      `${layer.split('.')[0]}.weight`,
      `${layer}.multiplier`,
      `${layer}.offset`,
    ]);
    expect([...int8.parameters.keys()].sort()).toEqual([...expected].sort());
    const read = int8.graph.nodes.flatMap((node) => (node.kind === 'parameter' ? [node.parameter] : []));
    expect([...read].sort()).toEqual([...expected].sort());
  });

  test('may be named like the nodes that are added', async () => {
    const float = model((x, { builder, parameter }) =>
      builder.apply('linear', [x, parameter('x.quantize', [4, 6]), parameter('linear.dequantize', [4])]),
    );
    expect(await distance(float, await quantized(float))).toBeLessThan(0.05);
  });

  test('of a shared weight are quantized and reported once', async () => {
    const float = model((x, { builder, parameter }) => {
      const weight = parameter('w', [6, 6]);
      const first = builder.scope('first', 'Linear', () => builder.apply('linear', [x, weight]));
      return builder.scope('second', 'Linear', () => builder.apply('linear', [first, weight]));
    });
    const { layers } = await quantizeStatically(float, {}, { calibration });
    expect(layers.map(({ layer }) => layer)).toEqual(['first']);
  });
});
