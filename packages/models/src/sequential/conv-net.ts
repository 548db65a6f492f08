import { createGraphBuilder, type Graph, type Model } from '@tamp/core';
import { z } from 'zod';
import type { ModelConfig } from '../config/model-config.js';
import { parseConfig } from '../config/parse-config.js';
import { stackLayers, stackLinear } from './layers.js';
import { type SequentialWeights, sequentialModel } from './sequential-model.js';

const size = (min: number, max: number) => z.number().int().min(min).max(max);

const schema = z.looseObject({
  input: z.tuple([size(1, 4096), size(1, 16384), size(1, 16384)]),
  convolutions: z
    .array(
      z.strictObject({
        channels: size(1, 2 ** 16),
        kernel: size(1, 256).default(3),
        padding: size(0, 256).default(1),
        pool: size(1, 256).default(2),
      }),
    )
    .min(1)
    .max(256),
  widths: z
    .array(size(1, 2 ** 20))
    .min(1)
    .max(256),
});

/** One convolution, its ReLU and its pooling. */
export interface ConvNetStage {
  /** Output channels. */
  readonly channels: number;
  /** Height and width of the kernel. Default 3. */
  readonly kernel?: number;
  /** Zeros added on every side. Default 1. */
  readonly padding?: number;
  /** Height, width and stride of the pooling windows; 1 leaves pooling out. Default 2. */
  readonly pool?: number;
}

/** Options of {@link createConvNet}. */
export interface ConvNetOptions extends SequentialWeights {
  /** Channels, height and width of an image. */
  readonly input: readonly [number, number, number];
  readonly convolutions: readonly ConvNetStage[];
  /** Outputs of the linear layers that follow: `[64, 10]`. */
  readonly widths: readonly number[];
}

/** The architecture in `config.json`. */
export const convNetArchitecture = 'ConvNet';

/** The graph of a ConvNet from its config. Throws a `TampError` (`format`) that names the field at fault. */
export function buildConvNet(config: ModelConfig, file: string): Graph {
  const { input, convolutions, widths } = parseConfig(schema, config, file);
  const builder = createGraphBuilder();
  const layers = stackLayers(builder, builder.input('input', { dtype: 'float32', shape: [null, ...input] }));
  for (const { channels, kernel, padding, pool } of convolutions) {
    layers.convolution(channels, kernel, padding);
    layers.relu();
    if (pool > 1) layers.maxPool(pool);
  }
  layers.flatten();
  stackLinear(layers, widths);
  builder.output('logits', layers.value);
  return builder.build();
}

/**
 * A convolutional network: stages of convolution, ReLU and max pooling, then linear layers with ReLU between them,
 * named as in PyTorch's `Sequential`. Weights are [output, input, height, width]. Input `input` float32
 * [batch, channels, height, width], output `logits`. Throws a `TampError` for sizes that do not fit.
 */
export function createConvNet({ input, convolutions, widths, ...weights }: ConvNetOptions): Model {
  const config = {
    input: [...input],
    convolutions: convolutions.map((stage) => ({ kernel: 3, padding: 1, pool: 2, ...stage })),
    widths: [...widths],
  };
  return sequentialModel(buildConvNet(config, convNetArchitecture), convNetArchitecture, config, weights);
}
