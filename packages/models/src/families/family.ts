import type { DecoderConfig } from '../config/decoder-config.js';
import type { ModelConfig } from '../config/model-config.js';

/** Types that transformers gives the modules of a family, which targets such as `LlamaDecoderLayer` name. */
export interface ModuleTypes {
  readonly model: string;
  readonly decoderLayer: string;
  readonly attention: string;
  readonly mlp: string;
  readonly norm: string;
}

/** A family of causal language models whose graph is a decoder of Llama's kind. */
export interface CausalLanguageModelFamily {
  /** The class in transformers, as `architectures` in `config.json` names it. */
  readonly architecture: string;
  readonly modules: ModuleTypes;
  /** Reads `config.json`; `file` is for errors. Throws a `TampError` that names the field at fault. */
  readConfig(config: ModelConfig, file: string): DecoderConfig;
}
