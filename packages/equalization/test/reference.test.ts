import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import { type Model, readParameter } from '@tamp/core';
import { quantizeStatically, type StaticInt8Options } from '@tamp/int8-linear';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EqualizationResult, type EqualizeRunOptions, equalizeModel } from '../src/index.js';
import {
  calibrationOf,
  cases,
  type FixtureCase,
  hasRelu,
  largestDifference,
  largestRelativeDifference,
  modelOf,
  outputOf,
  recordedBatch,
  referenceInt8,
  signalToNoise,
  tensors,
} from './fixture-graphs.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

/** The reference equalizes a case when it inserted a scale. */
function isEqualized({ name }: FixtureCase): boolean {
  return tensors.names.some((key) => key.startsWith(`${name}.scale.`));
}

const touched = cases.filter(isEqualized);
const untouched = cases.filter((fixture) => !isEqualized(fixture));

function equalize(fixture: FixtureCase, options: EqualizeRunOptions = {}): Promise<EqualizationResult> {
  return equalizeModel(modelOf(fixture), {}, { calibration: calibrationOf(fixture), ...options });
}

/** The reference's name of one of our parameters. */
function referenceName(fixture: FixtureCase, parameter: string): string {
  const dot = parameter.lastIndexOf('.');
  const layer = parameter.slice(0, Math.max(0, dot));
  const name = dot >= 0 && hasRelu(fixture, layer) ? `${layer}.0${parameter.slice(dot)}` : parameter;
  return `${fixture.name}.equalized.${name}`;
}

async function int8Output(
  fixture: FixtureCase,
  model: Model,
  options: StaticInt8Options,
): Promise<Float32Array> {
  const calibration = calibrationOf(fixture);
  const { model: int8 } = await quantizeStatically(model, options, { calibration });
  return outputOf(int8, await calibration.batch(await recordedBatch(fixture)));
}

it('there are reference graphs', () => {
  expect(touched.length).toBeGreaterThan(0);
});

describe.each(touched)('$name against the reference', (fixture) => {
  it('observes the same ranges and chooses the same scales', async () => {
    const { groups } = await equalize(fixture);
    const observed = tensors.names.filter((key) => key.startsWith(`${fixture.name}.obs.`));
    // Two tensors, min and max, of each layer's input.
    expect(observed.length).toBe(2 * groups.length);
    for (const [index, { range }] of groups.entries()) {
      const prefix = `${fixture.name}.obs.activation_post_process_${index}_equalization_process_0`;
      // Minima and maxima of float32 sums that the reference adds in another order: 1e-6 relative.
      expect(largestRelativeDifference(range.min, tensors.get(`${prefix}.min`).float32())).toBeLessThan(1e-6);
      expect(largestRelativeDifference(range.max, tensors.get(`${prefix}.max`).float32())).toBeLessThan(1e-6);
    }
    const scale = tensors.names.find((key) => key.startsWith(`${fixture.name}.scale.`)) ?? '';
    // Square roots of ratios of those ranges.
    expect(largestRelativeDifference(groups[0].scale, tensors.get(scale).float32())).toBeLessThan(1e-6);
  });

  it('rewrites weights and biases to the same numbers', async () => {
    const { model } = await equalize(fixture);
    const expected = tensors.names.filter((key) => key.startsWith(`${fixture.name}.equalized.`));
    const compared: string[] = [];
    for (const [name, parameter] of model.parameters) {
      const key = referenceName(fixture, name);
      if (!tensors.has(key)) continue;
      compared.push(key);
      // A product with two scales, each 1e-7 off.
      const values = await readParameter(parameter);
      expect(largestRelativeDifference(values, tensors.get(key).float32())).toBeLessThan(1e-6);
    }
    expect(compared.sort()).toEqual([...expected].sort());
  });

  it('leaves the function as it is', async () => {
    const { model } = await equalize(fixture);
    const batch = await recordedBatch(fixture);
    const [before, after] = [
      await outputOf(modelOf(fixture), await calibrationOf(fixture).batch(batch)),
      await outputOf(model, await calibrationOf(fixture).batch(batch)),
    ];
    const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    // 1e-5 of the largest output (at least of 1): roundings of float32 sums of up to 8 scaled products.
    expect(largestDifference(after, before)).toBeLessThan(1e-5 * largest);
  });

  it('gives the int8 output of the reference when ranges are not re-derived', async () => {
    const { model, ranges } = await equalize(fixture, { rederiveRanges: false });
    const actual = await int8Output(fixture, model, { ...referenceInt8, ranges });
    const expected = tensors.get(`${fixture.name}.quantized_output`).float32();
    const steps = [...new Set(expected)].sort((a, b) => a - b);
    const step = Math.min(...steps.slice(1).map((value, i) => value - steps[i]));
    // One quantization step: where a sum lies halfway, the last bit of a float32 scale decides. 1.001 for the
    // rounding of the step itself.
    expect(largestDifference(actual, expected)).toBeLessThanOrEqual(1.001 * step);
  });
});

describe.each(cases)('$name in plain int8', (fixture) => {
  it('gives the int8 output of the reference', async () => {
    const actual = await int8Output(fixture, modelOf(fixture), referenceInt8);
    const expected = tensors.get(`${fixture.name}.quantized_output_plain`).float32();
    const steps = [...new Set(expected)].sort((a, b) => a - b);
    const step = Math.min(...steps.slice(1).map((value, i) => value - steps[i]));
    expect(largestDifference(actual, expected)).toBeLessThanOrEqual(1.001 * step);
  });
});

describe.each(untouched)('$name, whose input several layers read', (fixture) => {
  it('is left as it is, as in the reference, and the report says so', async () => {
    const { model, layers, groups } = await equalize(fixture);
    expect(groups).toEqual([]);
    expect(layers.every(({ note }) => note?.startsWith('Several layers read its input'))).toBe(true);
    const expected = tensors.names.filter((key) => key.startsWith(`${fixture.name}.equalized.`));
    const compared: string[] = [];
    for (const [name, parameter] of model.parameters) {
      const key = referenceName(fixture, name);
      if (!tensors.has(key)) continue;
      compared.push(key);
      expect(await readParameter(parameter)).toEqual(tensors.get(key).float32());
    }
    expect(compared.sort()).toEqual([...expected].sort());
  });
});

/** One scale per layer in 7 bits, as the reference; a scale per channel; and all 8 bits. */
const configurations: readonly (readonly [string, StaticInt8Options])[] = [
  ["the reference's configuration", referenceInt8],
  ['a weight scale per channel', { activation: referenceInt8.activation }],
  ['the default configuration', {}],
];

describe.each(configurations)('int8 in %s', (_title, options) => {
  it('is never worse with equalization, and 2 dB better on average', async () => {
    const gains: number[] = [];
    for (const fixture of cases) {
      const float = tensors.get(`${fixture.name}.float_output`).float32();
      const { model, ranges } = await equalize(fixture);
      const plain = signalToNoise(await int8Output(fixture, modelOf(fixture), options), float);
      const derived = await int8Output(fixture, model, { ...options, ranges });
      const observed = await int8Output(fixture, model, options);
      // 0.05 dB is what a single rounding can cost in 16 rows of output.
      expect(signalToNoise(derived, float), fixture.name).toBeGreaterThan(plain - 0.05);
      expect(signalToNoise(observed, float), fixture.name).toBeGreaterThan(plain - 0.05);
      if (isEqualized(fixture)) gains.push(signalToNoise(derived, float) - plain);
    }
    expect(gains.reduce((sum, gain) => sum + gain, 0) / gains.length).toBeGreaterThan(2);
  });
});
