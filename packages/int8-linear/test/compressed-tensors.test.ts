import { readdirSync } from 'node:fs';
import { matrixShape, packDense, readAll, readDense } from '@tamp/core';
import { fixturePath, readJsonFixture, readTensorFixture } from '@tamp/fixtures';
import { checkpointModel } from '@tamp/fixtures/checkpoint-model';
import { describe, expect, test } from 'vitest';
import { type ActivationSettings, type Int8WeightGranularity, quantizeLinearLayers } from '../src/index.js';

interface CheckpointConfig {
  readonly quantization_config: {
    readonly ignore: readonly string[];
    readonly config_groups: Readonly<
      Record<
        string,
        {
          readonly targets: readonly string[];
          readonly weights: { readonly strategy: Int8WeightGranularity };
          readonly input_activations: { readonly strategy: ActivationSettings['kind'] } | null;
        }
      >
    >;
  };
}

const source = readTensorFixture('tiny-llama', 'model.safetensors');
const configs = readdirSync(fixturePath('compressed-tensors'))
  .filter((name) => name.startsWith('rtn-'))
  .map((name) => ({
    name,
    config: readJsonFixture<CheckpointConfig>('compressed-tensors', name, 'config.json').quantization_config,
  }));
const checkpoints = configs.flatMap(({ name, config }) => {
  const [group] = Object.values(config.config_groups);
  const { input_activations: input } = group;
  return input === null ? [] : [{ name, ignore: config.ignore, ...group, kind: input.strategy }];
});

test('there are checkpoints with int8 activations', () => {
  expect(checkpoints.length).toBeGreaterThan(0);
});

describe.each(checkpoints)('$name', ({ name, targets, ignore, weights, kind }) => {
  const file = readTensorFixture('compressed-tensors', name, 'model.safetensors');
  const suffix = '.weight_scale';
  const layers = file.names.filter((key) => key.endsWith(suffix)).map((key) => key.slice(0, -suffix.length));

  test('levels and scales of every layer are those of the checkpoint, bit for bit', async () => {
    const { model, layers: reports } = await quantizeLinearLayers(checkpointModel(source, layers), {
      targets,
      ignore,
      weights: { granularity: weights.strategy },
      activation: { kind },
    });
    expect(reports.map(({ layer }) => layer)).toEqual(layers);
    for (const layer of layers) {
      const parameter = model.parameters.get(`${layer}.weight`);
      if (parameter?.storage.kind !== 'affine') throw new Error(`${layer} is not quantized`);
      const { rows, columns } = matrixShape(parameter.shape);
      expect(await readDense(parameter.storage.scales)).toEqual(file.get(layer + suffix).float32());
      const levels = Int8Array.from(file.get(`${layer}.weight`).numbers());
      const words = packDense(levels, 8, rows, columns);
      expect(Buffer.compare(await readAll(parameter.storage.levels), new Uint8Array(words.buffer))).toBe(0);
    }
  });
});
