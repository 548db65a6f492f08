import { readdirSync } from 'node:fs';
import { type Granularity, matrixShape, packDense, readAll, readDense } from '@tamp/core';
import { fixturePath, readJsonFixture, readTensorFixture } from '@tamp/fixtures';
import { checkpointModel } from '@tamp/fixtures/checkpoint-model';
import { describe, expect, test } from 'vitest';
import { quantizeWeights } from '../src/index.js';

interface CheckpointConfig {
  readonly quantization_config: {
    readonly ignore: readonly string[];
    readonly config_groups: Readonly<
      Record<
        string,
        {
          readonly targets: readonly string[];
          readonly weights: {
            readonly num_bits: number;
            readonly symmetric: boolean;
            readonly strategy: Granularity['kind'];
            readonly group_size: number | null;
          };
        }
      >
    >;
  };
}

const source = readTensorFixture('tiny-llama', 'model.safetensors');
const checkpoints = readdirSync(fixturePath('compressed-tensors')).filter((name) => name.startsWith('rtn-'));

test('there are reference checkpoints', () => {
  expect(checkpoints.length).toBeGreaterThan(0);
});

describe.each(checkpoints)('%s', (name) => {
  const file = readTensorFixture('compressed-tensors', name, 'model.safetensors');
  const { quantization_config } = readJsonFixture<CheckpointConfig>(
    'compressed-tensors',
    name,
    'config.json',
  );
  const [{ targets, weights }] = Object.values(quantization_config.config_groups);
  const suffix = '.weight_scale';
  const layers = file.names.filter((key) => key.endsWith(suffix)).map((key) => key.slice(0, -suffix.length));

  test('levels and scales of every layer are those of the checkpoint, bit for bit', async () => {
    const result = await quantizeWeights(checkpointModel(source, layers), {
      targets,
      ignore: quantization_config.ignore,
      weights: {
        bits: weights.num_bits,
        symmetric: weights.symmetric,
        granularity: weights.strategy,
        ...(weights.group_size === null ? {} : { groupSize: weights.group_size }),
      },
    });
    expect(result.layers.map(({ layer }) => layer)).toEqual(layers);
    expect(layers.length).toBeGreaterThan(0);
    for (const layer of layers) {
      const parameter = result.model.parameters.get(`${layer}.weight`);
      if (parameter?.storage.kind !== 'affine') throw new Error(`${layer} is not quantized`);
      const { rows, columns } = matrixShape(parameter.shape);
      expect(Array.from(await readDense(parameter.storage.scales))).toEqual(
        file.get(layer + suffix).numbers(),
      );
      // int8 checkpoints hold plain levels, the others the same dense packing as ours.
      const expected = file.has(`${layer}.weight_packed`)
        ? file.get(`${layer}.weight_packed`).bytes
        : packDense(Int8Array.from(file.get(`${layer}.weight`).numbers()), 8, rows, columns);
      const bytes = new Uint8Array(expected.buffer, expected.byteOffset, expected.byteLength);
      expect(Buffer.compare(await readAll(parameter.storage.levels), bytes)).toBe(0);
    }
    for (const ignored of quantization_config.ignore) {
      expect(result.layers.some(({ layer }) => layer === ignored)).toBe(false);
    }
  });
});
