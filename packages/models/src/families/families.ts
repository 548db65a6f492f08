import { type Graph, TampError } from '@tamp/core';
import type { ModelConfig } from '../config/model-config.js';
import { buildDecoder } from './decoder.js';
import type { CausalLanguageModelFamily } from './family.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { qwen2 } from './qwen2.js';

/** The families of causal language models there are. */
export const causalLanguageModelFamilies: readonly CausalLanguageModelFamily[] = Object.freeze([
  llama,
  mistral,
  qwen2,
]);

/**
 * The graph of a causal language model from its `config.json`. Input `input_ids` int32 [batch, sequence], output
 * `logits` float32 [batch, sequence, vocabulary]; scopes and parameters are named as in transformers. `file` is for
 * errors. Throws a `TampError`: `unsupported` for an architecture or a setting we have not, `format` for values that
 * make no sense.
 */
export function buildCausalLanguageModel(
  config: ModelConfig,
  architecture: string,
  file = 'config.json',
): Graph {
  const family = causalLanguageModelFamilies.find((known) => known.architecture === architecture);
  if (family === undefined) {
    const known = causalLanguageModelFamilies.map((one) => one.architecture).join(', ');
    throw new TampError(`the architecture ${architecture} is no causal language model that tamp has`, {
      code: 'unsupported',
      at: { file },
      remedy: `Use one of: ${known}.`,
    });
  }
  return buildDecoder(family.readConfig(config, file), family.modules);
}
