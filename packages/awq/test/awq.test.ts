import {
  type AffineScheme,
  type CalibrationBatches,
  createModelRunner,
  dequantizeWeight,
  type Model,
  type NamedModifier,
  quantizeWeight,
  Random,
  readParameter,
  secondMomentsObserver,
} from '@tamp/core';
import { runSequential } from '@tamp/sequential-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findFolds } from '../src/folds.js';
import awq, { type AwqOptions } from '../src/index.js';
import { searchScales } from '../src/search-scales.js';
import { gatedModel, headSize, inner, width } from './gated-model.js';

/** Inputs with a few channels far larger than the others, as language models have. */
const data: CalibrationBatches = {
  count: 4,
  async batch(index) {
    const values = new Random(index).fillNormal(new Float32Array(2 * 6 * width));
    return {
      x: tf.tensor3d(
        values.map((value, i) => (i % width < 3 ? value * 15 : value)),
        [2, 6, width],
      ),
    };
  },
};
const weights = { bits: 3, groupSize: 8 };

function scaling(options: AwqOptions = {}): NamedModifier {
  const parsed = awq.options.parse({
    ignore: ['head'],
    weights,
    gridPoints: 8,
    observer: 'minmax',
    ...options,
  });
  return { name: awq.name, modifier: awq.create(parsed) };
}

async function outputOf(model: Model): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const { x } = await data.batch(0);
  const { y, hidden } = await runner.run({ x });
  const values = Float32Array.from(await y.data());
  tf.dispose([x, y, hidden]);
  runner.dispose();
  return values;
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(
    a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.reduce((s, v) => s + v * v, 0),
  );
}

beforeAll(() => tf.setBackend('cpu'));

test('every input whose scale can be folded away is found, with where it goes', () => {
  const folds = findFolds(gatedModel(), { targets: ['linear'], ignore: ['head'] });
  expect(
    folds.map(({ producer, divided, layers }) => [producer, divided, layers.map(({ layer }) => layer)]),
  ).toEqual([
    ['layers.0.input_norm', ['layers.0.input_norm.weight'], ['layers.0.q', 'layers.0.k', 'layers.0.v']],
    ['layers.0.v', ['layers.0.v.weight', 'layers.0.v.bias'], ['layers.0.o']],
    ['layers.0.post_norm', ['layers.0.post_norm.weight'], ['layers.0.gate', 'layers.0.up']],
    ['layers.0.up', ['layers.0.up.weight', 'layers.0.up.bias'], ['layers.0.down']],
  ]);
  // Two query heads share each key-value head.
  expect([...folds[1].channelOf]).toEqual(
    [0, 0, 1, 1].flatMap((head) => Array.from({ length: headSize }, (_, i) => head * headSize + i)),
  );
  expect(folds[3].width).toBe(inner);
  // The value behind the last norm is also an output of the model.
  expect(findFolds(gatedModel(), { targets: ['head'] })).toEqual([]);
});

test('scaling alone leaves what the model computes', async () => {
  const tensors = tf.memory().numTensors;
  const before = gatedModel();
  const { model, layers } = await runSequential(before, [scaling()], data, { targets: ['Block'] });
  expect(layers).toHaveLength(4);
  for (const { figures, note } of layers) {
    expect(figures?.errorRatio).toBeLessThan(1);
    expect(note).toMatch(/^scaling takes \d+% off the output error that rounding layers\.0\./);
  }
  for (const name of [
    'layers.0.q.weight',
    'layers.0.down.weight',
    'layers.0.v.bias',
    'layers.0.post_norm.weight',
  ]) {
    const [a, b] = [before.parameters.get(name), model.parameters.get(name)];
    if (a === undefined || b === undefined) throw new Error(`${name} is gone`);
    expect(await readParameter(b)).not.toEqual(await readParameter(a));
  }
  // Each weight is multiplied and divided once: a few units of float32 rounding, through eight layers.
  expect(distance(await outputOf(before), await outputOf(model))).toBeLessThan(1e-5);
  expect(tf.memory().numTensors).toBe(tensors);
});

test('the error that is said to be left is the one the outputs show', async () => {
  const [rows, columns, samples] = [20, 32, 300];
  const random = new Random(3);
  const values = random.fillNormal(new Float32Array(rows * columns));
  const inputs = random
    .fillNormal(new Float32Array(samples * columns))
    .map((value, i) => value * (i % columns < 2 ? 20 : 1));
  const observer = secondMomentsObserver(columns, 'layer');
  await observer.add(inputs);
  const scheme: AffineScheme = { bits: 3, symmetric: true, granularity: { kind: 'group', groupSize: 16 } };
  const moments = await observer.finish();
  const { scales, errorRatio } = await searchScales([{ layer: 'layer', values, rows, scheme }], moments, {
    gridPoints: 20,
    channelOf: Int32Array.from({ length: columns }, (_, i) => i),
    channels: columns,
    signal: new AbortController().signal,
  });
  moments.dispose();
  const errorWith = (by: Float32Array): number => {
    const scaled = values.map((value, i) => value * by[i % columns]);
    const rounded = dequantizeWeight(quantizeWeight(scaled, rows, columns, scheme));
    let total = 0;
    for (let sample = 0; sample < inputs.length; sample += columns) {
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let i = 0; i < columns; i++) {
          const at = row * columns + i;
          sum += inputs[sample + i] * (rounded[at] / by[i] - values[at]);
        }
        total += sum * sum;
      }
    }
    return total;
  };
  // Second moments in float32.
  expect(errorRatio / (errorWith(scales) / errorWith(new Float32Array(columns).fill(1)))).toBeCloseTo(1, 4);
  // Two channels make nearly all of the output, and the rounding of 3 bits cannot favour them further.
  expect(errorRatio).toBeLessThan(0.7);
});

describe('what it refuses', () => {
  test('targets without anything in front that takes scales', () => {
    const { modifier } = scaling({ targets: ['head'], ignore: [] });
    expect(() => modifier.plan(gatedModel())).toThrow(
      'no layer among the targets has a norm or a projection in front that can take its scales',
    );
  });

  test('a group size that does not divide, naming the layer', () => {
    const { modifier } = scaling({ weights: { bits: 4, groupSize: 20 } });
    expect(() => modifier.plan(gatedModel())).toThrow(/^layers\.0\.q: the group size 20 does not divide/);
  });

  test('parts of the pipeline that separate a layer from its norm', async () => {
    await expect(
      runSequential(gatedModel(), [scaling({ targets: ['layers.0.q'] })], data, { targets: ['layers.0.q'] }),
    ).rejects.toThrow(
      '@tamp/awq, layers.0.q: its scales belong into layers.0.input_norm, which was finished in an earlier part. Choose whole blocks',
    );
  });

  test('unknown options; every option has a description', () => {
    expect(awq.options.safeParse({ strength: 3 }).success).toBe(false);
    const schema = z.toJSONSchema(awq.options, { io: 'input' });
    for (const option of Object.values(schema.properties ?? {})) expect(option).toHaveProperty('description');
  });
});

test('a plan names every parameter that changes, and the bytes it then takes', async () => {
  const model = gatedModel();
  const { modifier } = scaling();
  const { targets, workingBytes } = modifier.plan(model);
  expect(targets.map(({ parameter }) => parameter)).toContain('layers.0.v.bias');
  expect(workingBytes).toBeGreaterThan(4 * inner * inner);
  for (const { parameter, bytesAfter } of targets) {
    const elements = (model.parameters.get(parameter)?.shape ?? []).reduce((a, b) => a * b, 1);
    expect(bytesAfter).toBe(4 * elements);
  }
});

describe('what layers are scaled for', () => {
  const later = (bits: number) =>
    gatedModel().graph.nodes.flatMap((node) => {
      if (node.kind !== 'parameter') return [];
      const quantization = {
        weights: { bits, symmetric: true, granularity: { kind: 'group', groupSize: 8 } },
        activation: 'none',
      } as const;
      const planned = { layer: node.scope, parameter: node.parameter, scheme: '', quantization };
      return [{ ...planned, bytesBefore: 0, bytesAfter: 0 }];
    });
  const run = async (options: AwqOptions, bits?: number) => {
    const modifier = awq.create(awq.options.parse({ ignore: ['head'], ...options }));
    const { targets } = modifier.plan(gatedModel(), bits === undefined ? [] : later(bits));
    const { layers } = await runSequential(gatedModel(), [{ name: 'awq', modifier }], data);
    return { planned: targets[0].scheme, done: layers };
  };

  test('is what later modifiers say, as if it had been an option', async () => {
    const told = await run({}, 3);
    expect(told).toEqual(await run({ weights }));
    expect(told.planned).toBe('scaled for W3 g8 sym');
    expect(await run({}, 2)).not.toEqual(told);
  });

  test('is what the options say in the first place', async () => {
    expect(await run({ weights }, 2)).toEqual(await run({ weights }));
  });
});
