import { z } from 'zod';
import { readRotaryConfig } from '../rotary/rotary-config.js';
import type { RotaryConfig } from '../rotary/rotary-frequencies.js';
import { malformedConfig, unsupportedConfig } from './config-error.js';
import type { ModelConfig } from './model-config.js';
import { parseConfig } from './parse-config.js';

/** What the graph of a decoder of Llama's kind depends on. */
export interface DecoderConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly normEpsilon: number;
  readonly rotary: RotaryConfig;
  readonly tiedEmbeddings: boolean;
  readonly biases: DecoderBiases;
}

/** Which linear layers have a bias. */
export interface DecoderBiases {
  /** q, k and v projections. */
  readonly queryKeyValue: boolean;
  /** Output projection of the attention. */
  readonly output: boolean;
  readonly mlp: boolean;
}

const size = (max: number) => z.number().int().min(1).max(max);

/** Sizes are capped well above any model there is, so that a hostile config cannot ask for an endless graph. */
const schema = z.looseObject({
  hidden_size: size(2 ** 18),
  intermediate_size: size(2 ** 20),
  num_hidden_layers: size(1024),
  num_attention_heads: size(4096),
  num_key_value_heads: size(4096).nullish(),
  head_dim: size(8192).nullish(),
  vocab_size: size(2 ** 24),
  max_position_embeddings: size(2 ** 30).nullish(),
  rms_norm_eps: z.number().positive().max(1).nullish(),
  hidden_act: z.string().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  layer_types: z.array(z.string()).max(1024).nullish(),
});

function refuseUnsupported(config: z.infer<typeof schema>, file: string): void {
  const activation = config.hidden_act ?? 'silu';
  if (activation !== 'silu') {
    throw unsupportedConfig(file, 'hidden_act', `${activation} is not supported`, 'Use a model with silu.');
  }
  const special = config.layer_types?.find((type) => type !== 'full_attention');
  if (special !== undefined) {
    throw unsupportedConfig(
      file,
      'layer_types',
      `${special} layers are not supported`,
      'Use a model whose layers all have full attention.',
    );
  }
  if (config.quantization_config !== undefined && config.quantization_config !== null) {
    throw unsupportedConfig(
      file,
      'quantization_config',
      'checkpoints that are quantized already are not supported yet',
      'Use the checkpoint in float16, bfloat16 or float32 that it was made from.',
    );
  }
}

/**
 * Reads the fields that decoders share, as transformers 4 and 5 write them. `biases` says what the family adds to
 * them. Throws a `TampError`: `format` for a value no model can have, `unsupported` for what we have not.
 */
export function readDecoderConfig(config: ModelConfig, biases: DecoderBiases, file: string): DecoderConfig {
  const fields = parseConfig(schema, config, file);
  refuseUnsupported(fields, file);
  const heads = fields.num_attention_heads;
  const keyValueHeads = fields.num_key_value_heads ?? heads;
  if (heads % keyValueHeads !== 0) {
    throw malformedConfig(file, 'num_key_value_heads', `${heads} heads cannot share ${keyValueHeads}`);
  }
  const headSize = fields.head_dim ?? fields.hidden_size / heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    throw malformedConfig(file, 'head_dim', `heads of ${headSize} elements cannot be rotated`);
  }
  return {
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layers: fields.num_hidden_layers,
    heads,
    keyValueHeads,
    headSize,
    vocabularySize: fields.vocab_size,
    normEpsilon: fields.rms_norm_eps ?? 1e-6,
    rotary: readRotaryConfig(config, headSize, fields.max_position_embeddings ?? undefined, file),
    tiedEmbeddings: fields.tie_word_embeddings ?? false,
    biases,
  };
}
