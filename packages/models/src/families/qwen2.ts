import { unsupportedConfig } from '../config/config-error.js';
import { readDecoderConfig } from '../config/decoder-config.js';
import { readFlag } from '../config/flag.js';
import type { CausalLanguageModelFamily } from './family.js';

/** Qwen2 and Qwen2.5 (Qwen Team 2024): Llama's graph with biases on q, k and v. */
export const qwen2: CausalLanguageModelFamily = {
  architecture: 'Qwen2ForCausalLM',
  modules: {
    model: 'Qwen2Model',
    decoderLayer: 'Qwen2DecoderLayer',
    attention: 'Qwen2Attention',
    mlp: 'Qwen2MLP',
    norm: 'Qwen2RMSNorm',
  },
  readConfig(config, file) {
    if (readFlag(config, 'use_sliding_window', file)) {
      throw unsupportedConfig(
        file,
        'use_sliding_window',
        'attention with a sliding window is not supported',
        'Use a model with "use_sliding_window": false.',
      );
    }
    return readDecoderConfig(config, { queryKeyValue: true, output: false, mlp: false }, file);
  },
};
