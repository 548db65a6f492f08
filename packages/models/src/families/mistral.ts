import { unsupportedConfig } from '../config/config-error.js';
import { readDecoderConfig } from '../config/decoder-config.js';
import type { CausalLanguageModelFamily } from './family.js';

/** Mistral without a sliding window (from v0.2 on; Jiang et al. 2023): Llama's graph under its own names. */
export const mistral: CausalLanguageModelFamily = {
  architecture: 'MistralForCausalLM',
  modules: {
    model: 'MistralModel',
    decoderLayer: 'MistralDecoderLayer',
    attention: 'MistralAttention',
    mlp: 'MistralMLP',
    norm: 'MistralRMSNorm',
  },
  readConfig(config, file) {
    // Absent means a window of 4096 in transformers' MistralConfig.
    const window = config.sliding_window === undefined ? 4096 : config.sliding_window;
    if (window !== null) {
      throw unsupportedConfig(
        file,
        'sliding_window',
        `attention with a sliding window of ${String(window)} is not supported`,
        'Use a model without one: Mistral from v0.2 on has "sliding_window": null.',
      );
    }
    return readDecoderConfig(config, { queryKeyValue: false, output: false, mlp: false }, file);
  },
};
