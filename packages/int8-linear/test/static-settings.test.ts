import {
  createModelEditor,
  createModelRunner,
  type Model,
  minMaxObserver,
  parseModifierOptions,
  runBasic,
} from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ObserverFactory, quantizeStatically, type StaticInt8Options } from '../src/index.js';
import { type StaticInt8Settings, staticInt8Modifier } from '../src/static/modifier.js';
import { batches, runWhole, testModel } from './static-models.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const calibration = batches([6]);

/** Two linear layers in a row: 6 → 5 → 3. */
function twoLayers(): Model {
  return testModel([null, 6], (x, { layer }) =>
    layer('two', 'linear', layer('one', 'linear', x, [5, 6]), [3, 5]),
  );
}

async function byFactories(options: StaticInt8Options): Promise<Model> {
  return (await quantizeStatically(twoLayers(), options, { calibration })).model;
}

async function byRecipe(options: object): Promise<Model> {
  const settings: StaticInt8Settings = parseModifierOptions(staticInt8Modifier, options);
  const modifier = staticInt8Modifier.create(settings);
  return (await runBasic(twoLayers(), [{ name: 'static', modifier }], calibration)).model;
}

/** Scale of the output, which is that of layer `two`. */
function outputScale(model: Model): number {
  const node = model.graph.nodes.find((each) => each.kind === 'operator' && each.operator === 'dequantize');
  return node?.kind === 'operator' ? Number(node.attributes.scale) : Number.NaN;
}

/** Number of scales of a layer's weight. */
function weightScales(model: Model, layer: string): number {
  const storage = model.parameters.get(`${layer}.weight`)?.storage;
  return storage?.kind === 'affine' ? storage.scales.bytes.byteLength / 4 : Number.NaN;
}

const levels =
  (qmax: number): ObserverFactory =>
  (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax }, layer });
const perTensor: ObserverFactory = (layer) =>
  minMaxObserver({ rule: { rule: 'observer', qmin: -128, qmax: 127, symmetric: true }, layer });

describe('overrides', () => {
  test('the last one that matches wins', async () => {
    const whole = outputScale(await byFactories({}));
    for (const [first, second] of [
      [15, 51],
      [51, 15],
    ]) {
      const model = await byFactories({
        overrides: [
          { targets: ['two'], activation: levels(first) },
          { targets: ['linear'], activation: levels(second) },
        ],
      });
      // The same range in fewer steps; float32 divisions.
      expect(outputScale(model) / whole).toBeCloseTo(255 / second, 4);
    }
  });

  test('what they leave out is inherited, from factories and from a recipe', async () => {
    const whole = outputScale(await byFactories({}));
    const model = await byFactories({
      activation: levels(51),
      overrides: [{ targets: ['two'], weight: perTensor }],
    });
    expect(outputScale(model) / whole).toBeCloseTo(5, 4);
    expect([weightScales(model, 'one'), weightScales(model, 'two')]).toEqual([5, 1]);
    const recipe = await byRecipe({
      weights: { granularity: 'tensor' },
      overrides: [{ targets: ['two'], activation: { reduceRange: true } }],
    });
    expect(outputScale(recipe) / whole).toBeCloseTo(255 / 127, 4);
    expect([weightScales(recipe, 'one'), weightScales(recipe, 'two')]).toEqual([1, 1]);
  });

  test('one scale for a whole weight computes nearly the same', async () => {
    const model = await byFactories({ weight: perTensor });
    const [float, int8] = [
      await runWhole(twoLayers(), await calibration.batch(1)),
      await runWhole(model, await calibration.batch(1)),
    ];
    const largest = float.y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // Two layers with errors of about half a level of 255 in inputs, weights and outputs.
    for (const [i, value] of float.y.entries())
      expect(Math.abs(value - int8.y[i])).toBeLessThan(0.05 * largest);
  });
});

test('layers that a recipe ignores stay float', async () => {
  const model = await byRecipe({ ignore: ['one'] });
  const operators = model.graph.nodes.flatMap((node) => (node.kind === 'operator' ? [node.operator] : []));
  expect(operators).toEqual(['linear', 'quantize', 'quantized_linear', 'dequantize']);
});

test('observers that do not suit int8 are refused by layer', async () => {
  const signed: ObserverFactory = (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: -128, qmax: 127, symmetric: false }, layer });
  const wide: ObserverFactory = (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: 1000, qmax: 1255 }, layer });
  const columns: ObserverFactory = (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 }, axis: 1, layer });
  const wideWeight: ObserverFactory = (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255, symmetric: true }, layer });
  for (const activation of [signed, wide, columns]) {
    await expect(byFactories({ activation })).rejects.toThrow(
      'one: the observer of its activations does not suit int8',
    );
  }
  for (const weight of [columns, wideWeight]) {
    await expect(byFactories({ weight })).rejects.toThrow(
      'one: the observer of its weight does not suit int8',
    );
  }
});

test('what was observed goes on from a state that was saved, as JSON', async () => {
  const expected = await byRecipe({});
  const settings: StaticInt8Settings = parseModifierOptions(staticInt8Modifier, {});
  const [before, after] = [staticInt8Modifier.create(settings), staticInt8Modifier.create(settings)];
  const model = twoLayers();
  const whole = { name: 'model', nodes: new Set(model.graph.nodes.map(({ name }) => name)) };
  const observe = new Map(
    (before.observe?.(whole, model) ?? []).map(({ node, observe: look }) => [node, look]),
  );
  const runner = createModelRunner(model);
  for (let i = 0; i < calibration.count; i++) {
    const inputs = await calibration.batch(i);
    tf.dispose([await runner.run(inputs, { observe }), inputs]);
  }
  runner.dispose();
  after.restoreState?.(JSON.parse(JSON.stringify(before.saveState?.())));
  const editor = createModelEditor(model);
  await after.finish?.(editor);
  expect(editor.model.graph).toEqual(expected.graph);
});

test('an abort comes before the next layer', async () => {
  const controller = new AbortController();
  const done: string[] = [];
  await expect(
    quantizeStatically(
      twoLayers(),
      {},
      {
        calibration,
        signal: controller.signal,
        onLayer: ({ layer }) => {
          done.push(layer);
          controller.abort();
        },
      },
    ),
  ).rejects.toThrow(/abort/i);
  expect(done).toEqual(['one']);
});

test('the plan names the bytes that are then there', async () => {
  const { layers } = await quantizeStatically(twoLayers(), {}, { calibration });
  const { targets } = staticInt8Modifier
    .create(parseModifierOptions(staticInt8Modifier, {}))
    .plan(twoLayers());
  const bytes = ({ bytesBefore, bytesAfter }: (typeof layers)[number] | (typeof targets)[number]) => [
    bytesBefore,
    bytesAfter,
  ];
  expect(targets.map(bytes)).toEqual(layers.map(bytes));
});
