import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import { type Model, readParameter } from '@tamp/core';
import { quantizeLinearLayers } from '@tamp/int8-linear';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { equalizeModel, smoothScale } from '../src/index.js';
import { block, decoderBlock, normalBatches } from './decoder-models.js';
import { largestDifference, outputOf, signalToNoise } from './fixture-graphs.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const calibration = normalBatches([5, block.width]);

async function valuesOf(model: Model, name: string): Promise<Float32Array> {
  const parameter = model.parameters.get(name);
  if (parameter === undefined) throw new Error(`no ${name}`);
  return readParameter(parameter);
}

describe('norm to linear, value to output and up to down', () => {
  it('folds every scale away: the graph stays, and so does the function', async () => {
    const model = decoderBlock();
    const { model: equalized, groups } = await equalizeModel(model, {}, { calibration });
    expect(groups.map(({ site, layers }) => [site, ...layers])).toEqual([
      ['norm', 'q', 'k', 'v'],
      ['value', 'o'],
      ['norm', 'gate', 'up'],
      ['up', 'down'],
    ]);
    expect(equalized.graph).toEqual(model.graph);
    const [before, after] = [
      await outputOf(model, await calibration.batch(0)),
      await outputOf(equalized, await calibration.batch(0)),
    ];
    const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // Roundings of float32 sums over up to 24 products, through two layers and a softmax.
    expect(largestDifference(after, before)).toBeLessThan(2e-6 * largest);
  });

  it('follows the rule of SmoothQuant for a given strength', async () => {
    const model = decoderBlock();
    const { groups, model: equalized } = await equalizeModel(model, { smooth: 0.5 }, { calibration });
    const [first] = groups;
    const weights = await Promise.all(['q', 'k', 'v'].map((layer) => valuesOf(model, `${layer}.weight`)));
    // v's rows were scaled for the output projection before: its magnitudes are those of the equalized weight times s.
    const scaled = await valuesOf(equalized, 'v.weight');
    const magnitude = Float32Array.from({ length: block.width }, (_, column) =>
      Math.max(
        ...weights.slice(0, 2).flatMap((weight) =>
          Array.from(weight)
            .filter((_value, at) => at % block.width === column)
            .map(Math.abs),
        ),
        ...Array.from(scaled)
          .filter((_value, at) => at % block.width === column)
          .map((value) => Math.abs(value) * first.scale[column]),
      ),
    );
    const input = first.range.min.map((low, i) => Math.max(-low, first.range.max[i]));
    const expected = smoothScale(input, magnitude, 0.5);
    // The magnitude of v was reconstructed from a float32 product.
    for (const [i, value] of expected.entries()) expect(first.scale[i] / value).toBeCloseTo(1, 5);
    // In SmoothQuant's own orientation: the norm is divided by d = 1 / s, the columns are multiplied by it.
    const [norm, bias] = [await valuesOf(model, 'norm1.weight'), await valuesOf(model, 'norm1.bias')];
    expect(await valuesOf(equalized, 'norm1.weight')).toEqual(norm.map((value, i) => value * first.scale[i]));
    expect(await valuesOf(equalized, 'norm1.bias')).toEqual(bias.map((value, i) => value * first.scale[i]));
  });

  it('gives query heads that share a key-value head one scale', async () => {
    const { groups } = await equalizeModel(decoderBlock(), {}, { calibration });
    const value = groups.find(({ site }) => site === 'value');
    expect(value?.scale).toHaveLength(block.keyValueHeads * block.headSize);
  });

  it('gains decibels in W8A8, and reports what', async () => {
    const model = decoderBlock();
    const float = await outputOf(model, await calibration.batch(1));
    const int8 = async (of: Model): Promise<number> =>
      signalToNoise(
        await outputOf((await quantizeLinearLayers(of)).model, await calibration.batch(1)),
        float,
      );
    const plain = await int8(model);
    const { model: equalized, layers } = await equalizeModel(model, {}, { calibration });
    // Every third channel is 64 times too loud: six bits of the others' eight.
    expect(await int8(equalized)).toBeGreaterThan(plain + 6);
    for (const { figures = {} } of layers) {
      expect(figures.snrDbGain).toBeCloseTo(figures.snrDb - figures.snrDbBefore, 10);
      expect(figures.inputMax - figures.inputMin).toBeGreaterThan(0);
      expect(figures.weightMaxBefore - figures.weightMinBefore).toBeGreaterThan(0);
    }
    expect(layers.map(({ layer }) => layer)).toEqual(['q', 'k', 'v', 'o', 'gate', 'up', 'down']);
  });

  it('costs nothing where channels are loud because they matter', async () => {
    const model = decoderBlock({ compensated: false });
    const float = await outputOf(model, await calibration.batch(1));
    const int8 = async (of: Model): Promise<number> =>
      signalToNoise(
        await outputOf((await quantizeLinearLayers(of)).model, await calibration.batch(1)),
        float,
      );
    const { model: equalized } = await equalizeModel(model, {}, { calibration });
    // 0.05 dB: a rounding here and there.
    expect(await int8(equalized)).toBeGreaterThan((await int8(model)) - 0.05);
  });

  it('never chooses a strength that loses on the sample', async () => {
    const { layers } = await equalizeModel(decoderBlock(), {}, { calibration });
    // A group's readers are judged together, so a single one may lose a little.
    const gains = layers.map(({ figures = {} }) => figures.snrDbGain);
    expect(gains.reduce((sum, gain) => sum + gain, 0)).toBeGreaterThan(0);
    const off = await equalizeModel(
      decoderBlock(),
      { targets: ['down'], smooth: 'search' },
      { calibration },
    ).catch((error: unknown) => error);
    // The up-projection is not among the targets, so its rows may not change and a mul takes the scale.
    expect(off).toMatchObject({ groups: [{ site: 'mul', rule: 'input-weight', layers: ['down'] }] });
  });

  it('balances columns within groups of few bits when activations stay float, and reports what that gains', async () => {
    // Every third channel's weights are 64 times too small for its loud input: a group of 4 bits would lose them.
    const quantization = { activation: 'none', weights: { bits: 4, groupSize: block.width / 2 } } as const;
    const { layers } = await equalizeModel(decoderBlock(), { quantization }, { calibration });
    const gains = layers.map(({ figures = {} }) => figures.snrDbGain);
    expect(gains.reduce((sum, gain) => sum + gain, 0)).toBeGreaterThan(6);
  });

  it('refuses a group size that does not divide a width, naming the layer', async () => {
    const quantization = { activation: 'none', weights: { bits: 4, groupSize: block.width - 1 } } as const;
    await expect(equalizeModel(decoderBlock(), { quantization }, { calibration })).rejects.toThrow(/^q: /);
  });
});
