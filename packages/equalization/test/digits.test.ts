import { registerCpuBackend } from '@tamp/backend-cpu';
import { type Modifier, type ModifierDefinition, parseModifierOptions, runBasic } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import { quantizeStatically } from '@tamp/int8-linear';
import staticInt8 from '@tamp/int8-linear/static';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import equalization, { equalizeModel } from '../src/index.js';
import { digitsCalibration, digitsModel, scaleChannels, testAccuracy } from './digits-models.js';

beforeAll(async () => {
  const { name } = await registerCpuBackend();
  await tf.setBackend(name);
});
expectNoTensorLeaks();

function createModifier<Options>(definition: ModifierDefinition<Options>): Modifier {
  return definition.create(parseModifierOptions(definition, {}));
}

/** What int8 may cost: one of the 360 test images. */
const allowed = 0.003;

describe.each(['mlp', 'cnn'] as const)('the %s of the digits', (name) => {
  it('keeps its accuracy in static int8', async () => {
    const model = digitsModel(name);
    const { model: int8 } = await quantizeStatically(model, {}, { calibration: digitsCalibration(model) });
    expect(await testAccuracy(int8)).toBeGreaterThanOrEqual((await testAccuracy(model)) - allowed);
  });

  it.each([1, 2])('keeps it with badly scaled channels once they are equalized (seed %i)', async (seed) => {
    const model = digitsModel(name, (weights) => scaleChannels(weights, seed));
    const calibration = digitsCalibration(model);
    const float = await testAccuracy(model);
    // Powers of two: the scaled network computes what the trained one does.
    expect(float).toBe(await testAccuracy(digitsModel(name)));
    const plain = await quantizeStatically(model, {}, { calibration });
    // Without equalization the channels do ruin it, or this test would show nothing.
    expect(await testAccuracy(plain.model)).toBeLessThan(float - 0.05);
    const equalized = await equalizeModel(model, {}, { calibration });
    const int8 = await quantizeStatically(equalized.model, { ranges: equalized.ranges }, { calibration });
    expect(await testAccuracy(int8.model)).toBeGreaterThanOrEqual(float - allowed);
  });

  it('keeps it when both work as modifiers, one after the other', async () => {
    const model = digitsModel(name, (weights) => scaleChannels(weights, 4));
    const modifiers = [
      { name: equalization.name, modifier: createModifier(equalization) },
      { name: staticInt8.name, modifier: createModifier(staticInt8) },
    ];
    const { model: int8, layers } = await runBasic(model, modifiers, digitsCalibration(model));
    expect(await testAccuracy(int8)).toBeGreaterThanOrEqual((await testAccuracy(model)) - allowed);
    // Every layer is reported twice: with its ranges before and after, and as int8.
    expect(layers.length).toBe(
      2 * model.graph.nodes.filter(({ name: node }) => node.endsWith('.weight')).length,
    );
  });

  it('keeps it with channels equalized across layers, without data', async () => {
    const model = digitsModel(name, (weights) => scaleChannels(weights, 3));
    const calibration = digitsCalibration(model);
    const equalized = await equalizeModel(model, { chains: 'cross-layer', smooth: 'off' });
    const int8 = await quantizeStatically(equalized.model, {}, { calibration });
    expect(await testAccuracy(int8.model)).toBeGreaterThanOrEqual((await testAccuracy(model)) - allowed);
  });
});
