import {
  createModelEditor,
  createModelRunner,
  type LayerReport,
  type Model,
  minMaxObserver,
  type Observation,
  packDense,
  Random,
  type Region,
  readAll,
} from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import int8Linear, {
  describeLinearLayers,
  type Int8LinearOptions,
  quantizeInt8Weight,
  quantizeLinearLayers,
} from '../src/index.js';
import { branches, normalBatches } from './graph-models.js';
import { batches, testModel } from './static-models.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

function operatorsOf(model: Model): readonly string[] {
  return model.graph.nodes.flatMap((node) =>
    node.kind === 'operator' && node.operator.endsWith('linear') ? [node.operator] : [],
  );
}

/** One linear layer of the given weight, 48 → 32, in a scope of its own or in none. */
function single(scope: string | undefined, weight?: Float32Array): Model {
  return testModel([null, 48], (x, { builder, parameter }) => {
    const apply = () => builder.apply('linear', [x, parameter('w', [32, 48], weight)]);
    return scope === undefined ? apply() : builder.scope(scope, 'Linear', apply);
  });
}

const weight = new Random(3).fillNormal(new Float32Array(32 * 48)).map((value) => value + 1);

describe('options', () => {
  test('what is left out is one scale per token and per channel, of every linear layer', () => {
    expect(int8Linear.options.parse({})).toEqual({
      targets: ['linear'],
      ignore: [],
      weights: { granularity: 'channel' },
      activation: { kind: 'token', reduceRange: false, observer: 'minmax' },
    });
  });

  test.each<[Int8LinearOptions, string]>([
    [{}, 'W8 channel sym, A8 token'],
    [{ activation: { kind: 'tensor' }, weights: { granularity: 'tensor' } }, 'W8 tensor asym, A8 tensor'],
    [{ activation: { kind: 'tensor', reduceRange: true } }, 'W8 channel sym, A7 tensor'],
    [{ activation: { kind: 'static', reduceRange: true } }, 'W8 channel sym, A7 static'],
  ])('%j is %s, in the plan too', async (options, scheme) => {
    const calibration = options.activation?.kind === 'static' ? { calibration: batches([48]) } : {};
    const { layers } = await quantizeLinearLayers(single('only'), options, calibration);
    const { targets } = int8Linear.create(int8Linear.options.parse(options)).plan(single('only'));
    for (const each of [layers, targets]) expect(each.map((entry) => entry.scheme)).toEqual([scheme]);
  });

  test('the plan tells modifiers before it what shares a scale', () => {
    for (const kind of ['token', 'tensor', 'static'] as const) {
      for (const granularity of ['channel', 'tensor'] as const) {
        const options = int8Linear.options.parse({ activation: { kind }, weights: { granularity } });
        const [{ quantization }] = int8Linear.create(options).plan(single('only')).targets;
        expect(quantization).toEqual({
          weights: { bits: 8, symmetric: granularity === 'channel', granularity: { kind: granularity } },
          activation: kind === 'token' ? 'token' : 'tensor',
        });
      }
    }
  });

  test('levels follow compressed-tensors with a scale per token, FBGEMM otherwise', async () => {
    // Weights that a division and the product with the reciprocal round to different levels.
    const rules = (['fbgemm', 'compressed-tensors'] as const).map((rule) =>
      packDense(quantizeInt8Weight(ties, 32, 48, { rule }).levels, 8, 32, 48),
    );
    expect(rules[0]).not.toEqual(rules[1]);
    for (const kind of ['token', 'tensor', 'static'] as const) {
      const calibration = kind === 'static' ? { calibration: batches([48]) } : {};
      const { model } = await quantizeLinearLayers(
        single('only', ties),
        { activation: { kind } },
        calibration,
      );
      const storage = model.parameters.get('w')?.storage;
      if (storage?.kind !== 'affine') throw new Error('the weight is not quantized');
      const expected = rules[kind === 'token' ? 1 : 0];
      expect(new Uint8Array(await readAll(storage.levels))).toEqual(new Uint8Array(expected.buffer));
    }
  });
});

/** Halves of a step, give or take a rounding. */
const ties = Float32Array.from({ length: 32 * 48 }, (_, i) =>
  i % 48 === 0
    ? 1 + i / 1000
    : ((i % 100) + 0.5) * Math.fround(Math.fround(1 + (i - (i % 48)) / 1000) / 127.5),
);

describe('layers describe themselves', () => {
  test('by their scope or, outside of any, by their own name, with the zero point of their weight', async () => {
    for (const scope of ['block.up', undefined]) {
      const { model } = await quantizeLinearLayers(single(scope, weight), {
        weights: { granularity: 'tensor' },
      });
      const { scales, zeroPoints } = quantizeInt8Weight(weight, 32, 48, {
        granularity: 'tensor',
        rule: 'compressed-tensors',
      });
      // Most values are positive: their zero lies below the middle of the levels.
      expect(zeroPoints?.[0]).toBeLessThan(0);
      expect([...(await describeLinearLayers(model))]).toEqual([
        [
          scope ?? 'linear',
          {
            inFeatures: 48,
            outFeatures: 32,
            bias: false,
            scale: scales,
            zeroPoint: Int32Array.from(zeroPoints ?? []),
            activation: { kind: 'token' },
          },
        ],
      ]);
    }
  });
});

describe('choosing layers', () => {
  test('only those that the targets match', async () => {
    const { model } = await quantizeLinearLayers(branches(), { targets: ['right'] });
    expect(operatorsOf(model)).toEqual(['linear', 'int8_linear', 'linear']);
  });

  test('a weight that is quantized already is refused by the plan', async () => {
    const { model } = await quantizeLinearLayers(branches({ tied: true }), { ignore: ['head'] });
    const modifier = int8Linear.create(int8Linear.options.parse({}));
    expect(() => modifier.plan(model)).toThrow('head: its weight left.weight is quantized already');
  });

  test('no targets at all, and calibration without batches, are refused', async () => {
    await expect(quantizeLinearLayers(branches(), { targets: [] })).rejects.toThrow('targets');
    await expect(
      quantizeLinearLayers(branches(), { activation: { kind: 'static' } }, { calibration: normalBatches(0) }),
    ).rejects.toThrow('static activations need calibration data');
  });

  test('a weight that is not finite is named by its layer', async () => {
    const broken = weight.slice();
    broken[48 + 5] = Number.NaN;
    for (const kind of ['token', 'tensor'] as const) {
      await expect(quantizeLinearLayers(single('up', broken), { activation: { kind } })).rejects.toThrow(
        'up: the value at row 1, column 5 is NaN',
      );
    }
  });
});

/** The part of `branches()` before `head`, and `head`. */
function regionsOf({ graph }: Model): readonly Region[] {
  const names = graph.nodes.map(({ name }) => name);
  const last = new Set(names.filter((name) => name.startsWith('head')));
  return [
    { name: 'first', nodes: new Set(names.filter((name) => !last.has(name))) },
    { name: 'head', nodes: last },
  ];
}

describe('region by region', () => {
  test('each region’s layers are observed and rewritten in its turn, their inputs after the rewrites before', async () => {
    const modifier = int8Linear.create(int8Linear.options.parse({ activation: { kind: 'static' } }));
    const reports: LayerReport[] = [];
    const editor = createModelEditor(branches(), { onReport: (entry) => reports.push(entry) });
    /** Runs a batch through the model as it is. */
    const calibrate = async (observations: readonly Observation[]): Promise<void> => {
      const runner = createModelRunner(editor.model);
      const inputs = await normalBatches(1).batch(0);
      const observe = new Map(observations.map(({ node, observe }) => [node, observe]));
      tf.dispose(await runner.run(inputs, { observe }));
      tf.dispose(inputs);
      runner.dispose();
    };
    const rewritten: string[][] = [];
    const observed: string[][] = [];
    const seen = minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 } });
    for (const region of regionsOf(editor.model)) {
      const observations = modifier.observe?.(region, editor.model) ?? [];
      observed.push(observations.map(({ node }) => node));
      await calibrate(observations);
      if (region.name === 'head') {
        const look = async (value: tf.Tensor): Promise<void> =>
          seen.observe(Float32Array.from(await value.data()), value.shape);
        await calibrate(observations.map(({ node }) => ({ node, observe: look })));
      }
      const before = reports.length;
      await modifier.rewrite?.(region, editor);
      rewritten.push(reports.slice(before).map(({ layer }) => layer));
    }
    expect(observed).toEqual([['x'], ['relu']]);
    expect(rewritten).toEqual([['left', 'right'], ['head']]);
    const { scale, zeroPoint } = seen.params();
    expect((await describeLinearLayers(editor.model)).get('head')?.activation).toEqual({
      kind: 'static',
      reduceRange: false,
      scale: scale[0],
      zeroPoint: zeroPoint[0],
    });
  });

  test('a layer whose input no region showed is refused by name', async () => {
    const modifier = int8Linear.create(int8Linear.options.parse({ activation: { kind: 'static' } }));
    const editor = createModelEditor(branches());
    const [, head] = regionsOf(editor.model);
    modifier.observe?.({ name: 'none', nodes: new Set() }, editor.model);
    await expect(modifier.rewrite?.(head, editor)).rejects.toThrow('head.linear: no values were observed');
  });
});
