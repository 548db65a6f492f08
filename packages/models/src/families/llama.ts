import { readDecoderConfig } from '../config/decoder-config.js';
import { readFlag } from '../config/flag.js';
import type { CausalLanguageModelFamily } from './family.js';

/** Llama 1 to 3 (Touvron et al. 2023, Llama Team 2024) and the models that keep its class. */
export const llama: CausalLanguageModelFamily = {
  architecture: 'LlamaForCausalLM',
  modules: {
    model: 'LlamaModel',
    decoderLayer: 'LlamaDecoderLayer',
    attention: 'LlamaAttention',
    mlp: 'LlamaMLP',
    norm: 'LlamaRMSNorm',
  },
  readConfig(config, file) {
    const attention = readFlag(config, 'attention_bias', file);
    const mlp = readFlag(config, 'mlp_bias', file);
    return readDecoderConfig(config, { queryKeyValue: attention, output: attention, mlp }, file);
  },
};
