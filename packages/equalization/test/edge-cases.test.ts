import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import { isTampError, type Model, parseModifierOptions, readParameter, runBasic } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import equalization, {
  crossLayerScale,
  equalizeModel,
  inputEqualizationObserver,
  inputWeightScale,
  smoothScale,
  weightEqualizationObserver,
} from '../src/index.js';
import { buildModel, normalBatches } from './decoder-models.js';
import { largestDifference, outputOf } from './fixture-graphs.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const calibration = normalBatches([6]);

/** Two layers, the first with ReLU. */
function chain(change?: (name: string, values: Float32Array) => void): Model {
  return buildModel(
    [null, 6],
    (x, { builder, linear }) => linear('two', builder.apply('relu', [linear('one', x, [5, 6])]), [3, 5]),
    change,
  );
}

async function errorOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isTampError(error)).toBe(true);
  return error instanceof Error ? error.message : '';
}

async function expectSameFunction(model: Model, equalized: Model): Promise<void> {
  const [before, after] = [
    await outputOf(model, await calibration.batch(0)),
    await outputOf(equalized, await calibration.batch(0)),
  ];
  const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  // Roundings of float32 sums of a few products.
  expect(largestDifference(after, before)).toBeLessThan(1e-6 * largest);
}

function range(min: number[], max: number[]) {
  return { min: Float32Array.from(min), max: Float32Array.from(max) };
}

describe('scales', () => {
  it('are 1 for ranges that are zero, unset, reversed or not finite', () => {
    const input = range([-1, 0, Infinity, 1, -Infinity, -1], [1, 0, -Infinity, -1, Infinity, 1]);
    const weight = range([-4, -1, -1, -1, -1, 0], [4, 1, 1, 1, 1, 0]);
    expect(Array.from(inputWeightScale(input, weight))).toEqual([2, 1, 1, 1, 1, 1]);
  });

  it('are 1 for channels that are all zero', () => {
    expect(Array.from(smoothScale(Float32Array.of(4, 0, 4), Float32Array.of(1, 1, 0), 0.5))).toEqual([
      0.5, 1, 1,
    ]);
    expect(Array.from(crossLayerScale(Float32Array.of(1, 0, 1), Float32Array.of(4, 4, 0)))).toEqual([
      2, 1, 1,
    ]);
  });

  it('are 1 where a factor or its reciprocal would leave float32', () => {
    expect(Array.from(smoothScale(Float32Array.of(1e-30, 1e30), Float32Array.of(1e30, 1e-30), 0))).toEqual([
      Math.fround(1e30),
      Math.fround(1e-30),
    ]);
    expect(Array.from(inputWeightScale(range([0], [1e-45]), range([-1e38], [1e38])))).toEqual([1]);
  });
});

describe('models', () => {
  it('keep their function with a zero column, a dead channel and a channel that is always 0', async () => {
    const model = chain((name, values) => {
      // A column of the first weight, a row of it with its bias, and what reads that row.
      if (name === 'one.weight') for (let row = 0; row < 5; row++) values[row * 6 + 2] = 0;
      if (name === 'one.weight') values.fill(0, 6, 12);
      if (name === 'one.bias') values[1] = 0;
    });
    const { model: equalized, groups } = await equalizeModel(model, {}, { calibration });
    expect(groups.map(({ site }) => site)).toEqual(['mul', 'layer']);
    expect(groups[0].scale[2]).toBe(1);
    expect(groups[1].scale[1]).toBe(1);
    await expectSameFunction(model, equalized);
  });

  it.each(['input-weight', 'cross-layer'] as const)(
    'keep it in chains with ReLU and bias by %s',
    async (chains) => {
      const model = chain();
      const { model: equalized, groups } = await equalizeModel(model, { chains }, { calibration });
      expect(groups.length).toBe(chains === 'cross-layer' ? 1 : 2);
      await expectSameFunction(model, equalized);
    },
  );

  it('need no data for cross-layer equalization, which makes rows and columns equally large', async () => {
    const model = chain();
    const { model: equalized } = await equalizeModel(model, { chains: 'cross-layer', smooth: 'off' });
    const [one, two] = await Promise.all(
      ['one.weight', 'two.weight'].map(async (name) => {
        const parameter = equalized.parameters.get(name);
        return parameter === undefined ? new Float32Array() : readParameter(parameter);
      }),
    );
    for (let channel = 0; channel < 5; channel++) {
      const row = Math.max(...one.slice(channel * 6, channel * 6 + 6).map(Math.abs));
      const column = Math.max(...two.filter((_, at) => at % 5 === channel).map(Math.abs));
      expect(row / column).toBeCloseTo(1, 4);
    }
    await expectSameFunction(model, equalized);
  });

  it('whose layer is read by several others: each path keeps a mul of its own, a shared value is left alone', async () => {
    const model = buildModel([null, 6], (x, { builder, linear }) => {
      const first = linear('first', x, [5, 6]);
      const left = linear('left', first, [4, 5]);
      const right = linear('right', builder.apply('relu', [first]), [4, 5]);
      const shared = builder.apply('add', [left, right]);
      return builder.apply('add', [linear('a', shared, [3, 4]), linear('b', shared, [3, 4])]);
    });
    const { model: equalized, groups, layers: report } = await equalizeModel(model, {}, { calibration });
    expect(report.filter(({ note }) => note?.startsWith('Several layers')).map(({ layer }) => layer)).toEqual(
      ['a', 'b'],
    );
    expect(groups.map(({ layers, site }) => [...layers, site])).toEqual([
      ['first', 'mul'],
      ['left', 'mul'],
      ['right', 'mul'],
    ]);
    await expectSameFunction(model, equalized);
  });

  it('whose weight others share are left alone, or refused by name when they are a target', async () => {
    const model = buildModel([null, 6], (x, { builder, parameter, linear }) => {
      const weight = parameter('shared', [6, 6]);
      const one = builder.scope('one', 'Linear', () => builder.apply('linear', [x, weight]));
      const two = builder.scope('two', 'Linear', () => builder.apply('linear', [one, weight]));
      return linear('three', two, [2, 6]);
    });
    const { groups, layers } = await equalizeModel(model, {}, { calibration });
    expect(groups.map((group) => [...group.layers, group.site])).toEqual([['three', 'mul']]);
    expect(
      layers.filter(({ note }) => note?.startsWith('Its weight is shared')).map(({ layer }) => layer),
    ).toEqual(['one', 'two']);
    expect(await errorOf(equalizeModel(model, { targets: ['linear'] }, { calibration }))).toMatch(
      /one: its weight shared is shared with two.linear.*ignore: \[one\]/,
    );
  });

  it('without anything to equalize are refused before any work', async () => {
    const options = { chains: 'off', smooth: 'off' } as const;
    expect(await errorOf(equalizeModel(chain(), options, { calibration }))).toMatch(
      /chains and smooth are both off/,
    );
    expect(await errorOf(equalizeModel(chain()))).toMatch(/equalization needs calibration data/);
    expect(await errorOf(equalizeModel(chain(), { targets: ['nothing'] }, { calibration }))).toMatch(
      /the target nothing matches nothing/,
    );
  });

  it('fed with NaN are refused with the layer', async () => {
    const broken = { count: 1, batch: async () => ({ x: tf.fill([2, 6], Number.NaN) }) };
    expect(await errorOf(equalizeModel(chain(), {}, { calibration: broken }))).toMatch(
      /one: the value at row 0, column 0 is NaN/,
    );
  });

  it('are not changed themselves', async () => {
    const model = chain();
    const before = JSON.stringify(model.graph);
    const values = await outputOf(model, await calibration.batch(0));
    await equalizeModel(model, {}, { calibration });
    expect(JSON.stringify(model.graph)).toBe(before);
    expect(await outputOf(model, await calibration.batch(0))).toEqual(values);
  });
});

describe('observers', () => {
  it('give [0, 0] and a warning for a scaled range before the scale is set', () => {
    const warnings: string[] = [];
    const observer = inputEqualizationObserver({
      layer: 'l',
      onWarning: (message) => warnings.push(message),
    });
    observer.observe(Float32Array.of(1, -2, 3, 4), [2, 2], -1);
    expect(observer.scaledRange()).toEqual({ min: 0, max: 0 });
    expect(warnings).toEqual([expect.stringMatching(/^l: the scaled range was asked for before/)]);
    observer.setScale(Float32Array.of(2, 0.5));
    expect(observer.scaledRange()).toEqual({ min: -1, max: 6 });
    expect(warnings).toHaveLength(1);
  });

  it('refuse schemes per channel, scales of another width and changing widths', () => {
    expect(() => inputEqualizationObserver({ layer: 'l', scheme: 'per-channel-affine' })).toThrow(
      /l: its input cannot be quantized per-channel-affine and equalized/,
    );
    const observer = inputEqualizationObserver({ layer: 'l' });
    observer.observe(Float32Array.of(1, 2), [1, 2], -1);
    expect(() => observer.setScale(Float32Array.of(1))).toThrow(/l: there are 1 scales for 2 input columns/);
    expect(() => observer.observe(Float32Array.of(1, 2, 3), [1, 3], -1)).toThrow(/a batch has 3 columns/);
  });

  it('come from factories, per layer or for all', async () => {
    const asked: string[] = [];
    const weight = (kind: string) => (layer: string) => {
      asked.push(`${kind} ${layer}`);
      return weightEqualizationObserver({ layer });
    };
    const observers = { weight: weight('all'), overrides: [{ targets: ['two'], weight: weight('own') }] };
    await equalizeModel(chain(), {}, { calibration, observers });
    expect(asked).toEqual(['all one', 'own two']);
    const instance = JSON.parse('{}');
    instance.weight = weightEqualizationObserver({ layer: 'l' });
    expect(await errorOf(equalizeModel(chain(), {}, { calibration, observers: instance }))).toMatch(
      /weight must be a function that makes an observer/,
    );
  });
});

describe('the modifier', () => {
  it('leaves what lies in different blocks as it is, and says so', async () => {
    const modifier = equalization.create(parseModifierOptions(equalization, { insertMul: false }));
    const { layers, model } = await runBasic(
      chain(),
      [
        {
          name: 'blocks',
          modifier: {
            ...modifier,
            // A pipeline that goes block by block, with the two layers in different blocks.
            observe: (region, of) =>
              modifier.observe?.({ ...region, nodes: new Set(['two.linear']) }, of) ?? [],
            rewrite: async (region, editor) =>
              modifier.rewrite?.({ ...region, nodes: new Set(['two.linear']) }, editor),
          },
        },
      ],
      calibration,
    );
    expect(layers.map(({ layer, scheme, note }) => [layer, scheme, note])).toEqual([
      ['one', 'left as it is', 'The options leave its input as it is.'],
      ['two', 'left as it is', expect.stringMatching(/different blocks of the pipeline/)],
    ]);
    await expectSameFunction(chain(), model);
  });
});
