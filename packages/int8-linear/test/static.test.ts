import { registerCpuBackend } from '@tamp/backend-cpu';
import {
  isTampError,
  type Model,
  minMaxObserver,
  parseModifierOptions,
  readParameter,
  requantizeReference,
  runBasic,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { quantizeStatically, type StaticInt8Options } from '../src/index.js';
import { staticInt8Modifier } from '../src/static/modifier.js';
import { overBackends } from './backends.js';
import { batches, imageModel, runWhole, testModel } from './static-models.js';

const image = [2, 6, 6];
const calibration = batches(image);

function operatorsOf(model: Model): readonly string[] {
  return model.graph.nodes.flatMap((node) => (node.kind === 'operator' ? [node.operator] : []));
}

async function quantized(model: Model, options: StaticInt8Options = {}, shape = image): Promise<Model> {
  return (await quantizeStatically(model, options, { calibration: batches(shape) })).model;
}

async function errorOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isTampError(error)).toBe(true);
  return error instanceof Error ? error.message : '';
}

async function parameter(model: Model, name: string): Promise<Float32Array> {
  const found = model.parameters.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return readParameter(found);
}

/** Integer levels of a weight with one symmetric scale per row, as Σ needs them. */
async function weightLevels(model: Model, name: string): Promise<number[]> {
  const storage = model.parameters.get(name)?.storage;
  if (storage?.kind !== 'affine') throw new Error(`${name} is not quantized`);
  const values = await parameter(model, name);
  const scales = new Float32Array(
    (await storage.scales.bytes.read(0, storage.scales.bytes.byteLength)).slice().buffer,
  );
  return Array.from(values, (value, i) =>
    Math.round(value / scales[Math.floor((i * scales.length) / values.length)]),
  );
}

overBackends('static int8', () => {
  it('keeps everything between the first layer and the last int8', async () => {
    const model = await quantized(imageModel());
    expect(operatorsOf(model)).toEqual([
      'quantize',
      'quantized_conv2d',
      'quantized_conv2d',
      'quantized_conv2d',
      'quantized_add',
      'max_pool2d',
      'flatten',
      'quantized_linear',
      'dequantize',
    ]);
    const { values } = await runWhole(model, await calibration.batch(0));
    for (const node of model.graph.nodes) {
      if (node.kind !== 'operator' || node.operator === 'dequantize') continue;
      const levels = values.get(node.name) ?? [];
      expect(levels.every((level) => Number.isInteger(level) && level >= 0 && level <= 255)).toBe(true);
    }
  });

  it('is near the float model', async () => {
    const model = imageModel();
    const inputs = () => calibration.batch(1);
    const [float, int8] = [
      await runWhole(model, await inputs()),
      await runWhole(await quantized(model), await inputs()),
    ];
    const largest = float.y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = float.y.reduce((most, value, i) => Math.max(most, Math.abs(value - int8.y[i])), 0);
    // Three layers with errors of about half a level of 255 each.
    expect(worst).toBeLessThan(0.05 * largest);
    expect(worst).toBeGreaterThan(0);
  });

  it('computes each layer from the exact integer sum by the rule of the kernel contract', async () => {
    const model = await quantized(imageModel());
    const { values } = await runWhole(model, await calibration.batch(0));
    const head = model.graph.nodes.find(
      (node) => node.kind === 'operator' && node.operator === 'quantized_linear',
    );
    if (head?.kind !== 'operator') throw new Error('no linear layer');
    const x = values.get(head.inputs[0]) ?? new Float32Array();
    const weight = await weightLevels(model, 'head.weight');
    const multiplier = await parameter(model, `${head.name}.multiplier`);
    const offset = await parameter(model, `${head.name}.offset`);
    const [inputZero, zeroPoint] = [
      Number(head.attributes.inputZeroPoint),
      Number(head.attributes.zeroPoint),
    ];
    const rows = multiplier.length;
    const columns = weight.length / rows;
    const expected = Array.from({ length: (x.length / columns) * rows }, (_, at) => {
      const [m, n] = [Math.floor(at / rows), at % rows];
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += (x[m * columns + k] - inputZero) * weight[n * columns + k];
      return requantizeReference(sum, multiplier[n], offset[n], { zeroPoint, lowest: 0 });
    });
    expect(Array.from(values.get(head.name) ?? [])).toEqual(expected);
  });

  it('computes convolutions over windows padded with the zero point, ReLU fused', async () => {
    const model = await quantized(imageModel());
    const { values } = await runWhole(model, await calibration.batch(0));
    const node = model.graph.nodes.find(({ name }) => name === 'first.conv2d');
    if (node?.kind !== 'operator') throw new Error('no convolution');
    const x = values.get(node.inputs[0]) ?? new Float32Array();
    const weight = await weightLevels(model, 'first.weight');
    const multiplier = await parameter(model, 'first.conv2d.multiplier');
    const offset = await parameter(model, 'first.conv2d.offset');
    const zero = Number(node.attributes.inputZeroPoint);
    const zeroPoint = Number(node.attributes.zeroPoint);
    const actual = values.get(node.name) ?? new Float32Array();
    const [channels, size, outputs] = [2, 6, 5];
    for (const [at, level] of actual.entries()) {
      const [column, row] = [at % size, Math.floor(at / size) % size];
      const [n, b] = [Math.floor(at / size / size) % outputs, Math.floor(at / size / size / outputs)];
      let sum = 0;
      for (let c = 0; c < channels; c++) {
        for (let i = -1; i <= 1; i++) {
          for (let j = -1; j <= 1; j++) {
            const [y, z] = [row + i, column + j];
            const inside = y >= 0 && y < size && z >= 0 && z < size;
            const input = inside ? x[((b * channels + c) * size + y) * size + z] - zero : 0;
            sum += input * weight[((n * channels + c) * 3 + i + 1) * 3 + j + 1];
          }
        }
      }
      expect(level).toBe(
        requantizeReference(sum, multiplier[n], offset[n], { zeroPoint, lowest: zeroPoint }),
      );
    }
  });

  it('moves the zero point for a constant that is added, and spreads the levels anew when it must', async () => {
    for (const constant of [0.5, 1e6, -1e6]) {
      const model = testModel([null, 6], (x, { builder, parameter, layer }) =>
        builder.apply('add', [
          layer('one', 'linear', x, [4, 6]),
          parameter('constant', [1], Float32Array.of(constant)),
        ]),
      );
      const int8 = await quantized(model, {}, [6]);
      const inputs = () => batches([6]).batch(0);
      const [float, result] = [await runWhole(model, await inputs()), await runWhole(int8, await inputs())];
      // One level of a range that holds the values, the constant and zero.
      const level = (Math.abs(constant) + 20) / 255;
      for (const [i, value] of float.y.entries())
        expect(Math.abs(value - result.y[i])).toBeLessThan(1.5 * level);
    }
  });

  it('leaves what is ignored in float, between levels', async () => {
    const model = await quantized(imageModel(), { ignore: ['left'] });
    const names = operatorsOf(model);
    expect(names.filter((name) => name === 'conv2d')).toHaveLength(1);
    expect(names.filter((name) => name === 'dequantize')).toHaveLength(3);
    const { y } = await runWhole(model, await calibration.batch(0));
    expect(y.every(Number.isFinite)).toBe(true);
  });
});

describe('static int8', () => {
  beforeAll(() => tf.setBackend('cpu'));

  it('gives the same bits on every backend', async () => {
    const model = await quantized(imageModel());
    const cpu = await runWhole(model, await calibration.batch(2));
    await tf.setBackend((await registerCpuBackend()).name);
    const fast = await runWhole(model, await calibration.batch(2));
    await tf.setBackend('cpu');
    expect([...fast.values.keys()]).toEqual([...cpu.values.keys()]);
    for (const [name, values] of cpu.values) expect(fast.values.get(name)).toEqual(values);
  });

  it('takes observers per layer, from factories', async () => {
    const asked: string[] = [];
    const factory = (levels: number) => (layer: string) => {
      asked.push(layer);
      return minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: levels }, layer });
    };
    const model = await quantized(imageModel(), {
      activation: factory(255),
      overrides: [{ targets: ['head'], activation: factory(15) }],
    });
    expect(new Set(asked)).toEqual(new Set(['first', 'left', 'right', 'add', 'head']));
    const head = model.graph.nodes.find((node) => node.kind === 'operator' && node.operator === 'dequantize');
    const plain = await quantized(imageModel());
    const before = plain.graph.nodes.find(
      (node) => node.kind === 'operator' && node.operator === 'dequantize',
    );
    if (head?.kind !== 'operator' || before?.kind !== 'operator') throw new Error('no output');
    // 15 levels instead of 255 for the same range; float32 division.
    expect(Number(head.attributes.scale) / Number(before.attributes.scale)).toBeCloseTo(17, 4);
  });

  it('refuses an override that matches nothing before any work', () => {
    const options = parseModifierOptions(staticInt8Modifier, { overrides: [{ targets: ['haed'] }] });
    const modifier = staticInt8Modifier.create(options);
    expect(() => modifier.plan(imageModel())).toThrow(/the target haed matches nothing/);
  });

  it('refuses an observer where a factory belongs', async () => {
    const observer = minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 } });
    const options = JSON.parse('{}');
    options.activation = observer;
    expect(await errorOf(quantized(imageModel(), options))).toMatch(
      /must be a function that makes an observer/,
    );
  });

  it('names the layer for NaN in calibration data and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const broken = {
      count: 1,
      batch: async () => ({ x: tf.fill([1, ...image], Number.NaN) }),
    };
    const message = await errorOf(quantizeStatically(imageModel(), {}, { calibration: broken }));
    expect(message).toMatch(/first: the value at row 0, column 0 is NaN/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a model without layers, a weight that a float layer shares, and missing data', async () => {
    const none = testModel([null, 4], (x, { builder }) => builder.apply('relu', [x]));
    expect(await errorOf(quantized(none, {}, [4]))).toMatch(/there is no linear or conv2d layer/);
    const tied = testModel([null, 4], (x, { builder, parameter }) => {
      const weight = parameter('w', [4, 4]);
      const first = builder.scope('first', 'Linear', () => builder.apply('linear', [x, weight]));
      return builder.scope('second', 'Linear', () => builder.apply('linear', [first, weight]));
    });
    expect(await errorOf(quantized(tied, { ignore: ['second'] }, [4]))).toMatch(
      /first: its weight is shared with second.linear, which stays float/,
    );
    const empty = { ...calibration, count: 0 };
    expect(await errorOf(quantizeStatically(imageModel(), {}, { calibration: empty }))).toMatch(
      /static activations need calibration data/,
    );
  });

  it('a weight that two layers share is quantized once and used by both', async () => {
    const tied = testModel([null, 4], (x, { builder, parameter }) => {
      const weight = parameter('w', [4, 4]);
      const first = builder.scope('first', 'Linear', () => builder.apply('linear', [x, weight]));
      return builder.scope('second', 'Linear', () => builder.apply('linear', [first, weight]));
    });
    const inputs = () => batches([4]).batch(0);
    const [float, int8] = [
      await runWhole(tied, await inputs()),
      await runWhole(await quantized(tied, {}, [4]), await inputs()),
    ];
    const largest = float.y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [i, value] of float.y.entries())
      expect(Math.abs(value - int8.y[i])).toBeLessThan(0.05 * largest);
  });

  it('is a modifier for recipes, with the same result', async () => {
    const modifier = staticInt8Modifier.create(parseModifierOptions(staticInt8Modifier, {}));
    const { model, layers } = await runBasic(imageModel(), [{ name: 'static', modifier }], calibration);
    const direct = await quantized(imageModel());
    expect(model.graph).toEqual(direct.graph);
    expect(layers.map(({ layer }) => layer)).toEqual(['first', 'left', 'right', 'head']);
    expect(layers.map(({ scheme }) => scheme)).toContain('W8 channel sym, A8 static, int8 out');
  });
});
