import { createGraphBuilder, type Graph, type Model } from '@tamp/core';
import { z } from 'zod';
import type { ModelConfig } from '../config/model-config.js';
import { parseConfig } from '../config/parse-config.js';
import { stackLayers, stackLinear } from './layers.js';
import { type SequentialWeights, sequentialModel } from './sequential-model.js';

const schema = z.looseObject({
  widths: z
    .array(
      z
        .number()
        .int()
        .min(1)
        .max(2 ** 20),
    )
    .min(2)
    .max(256),
});

/** Options of {@link createMlp}. */
export interface MlpOptions extends SequentialWeights {
  /** Number of inputs, of each hidden layer's outputs, and of outputs: `[64, 256, 256, 10]`. */
  readonly widths: readonly number[];
}

/** The architecture in `config.json`. */
export const mlpArchitecture = 'MLP';

/** The graph of an MLP from its config. Throws a `TampError` (`format`) that names the field at fault. */
export function buildMlp(config: ModelConfig, file: string): Graph {
  const [inputs, ...outputs] = parseConfig(schema, config, file).widths;
  const builder = createGraphBuilder();
  const layers = stackLayers(builder, builder.input('input', { dtype: 'float32', shape: [null, inputs] }));
  stackLinear(layers, outputs);
  builder.output('logits', layers.value);
  return builder.build();
}

/**
 * A multilayer perceptron: linear layers with ReLU between them, named as in PyTorch's `Sequential` (`0.weight`,
 * `0.bias`, `2.weight`, …). Input `input` float32 [batch, widths[0]], output `logits`. Throws a `TampError` for
 * impossible widths or weights that do not fit them.
 */
export function createMlp({ widths, ...weights }: MlpOptions): Model {
  const config = { widths: [...widths] };
  return sequentialModel(buildMlp(config, mlpArchitecture), mlpArchitecture, config, weights);
}
