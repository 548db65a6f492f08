import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomSource } from '@tamp/fixtures/random';
import { randomSafetensors } from '@tamp/fixtures/random-safetensors';

const example = fileURLToPath(new URL('../../../../examples/tiny-llama/', import.meta.url));

const hidden = 32;
const intermediate = 64;
/** That of the example's tokenizer, which the model is given. */
const vocabulary = 1024;

const shapes: Readonly<Record<string, readonly number[]>> = {
  'model.embed_tokens.weight': [vocabulary, hidden],
  'model.layers.0.input_layernorm.weight': [hidden],
  'model.layers.0.self_attn.q_proj.weight': [hidden, hidden],
  'model.layers.0.self_attn.k_proj.weight': [hidden / 2, hidden],
  'model.layers.0.self_attn.v_proj.weight': [hidden / 2, hidden],
  'model.layers.0.self_attn.o_proj.weight': [hidden, hidden],
  'model.layers.0.post_attention_layernorm.weight': [hidden],
  'model.layers.0.mlp.gate_proj.weight': [intermediate, hidden],
  'model.layers.0.mlp.up_proj.weight': [intermediate, hidden],
  'model.layers.0.mlp.down_proj.weight': [hidden, intermediate],
  'model.norm.weight': [hidden],
};

/** Layers that a recipe with `ignore: [lm_head]` quantizes. */
export const quantizedLayers = 7;

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  hidden_act: 'silu',
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  vocab_size: vocabulary,
  torch_dtype: 'float32',
};

/** Makes a folder with `model/` (a random Llama of one layer), its tokenizer and `eval.txt`. */
export function makeTinyFolder(folder: string): void {
  const model = join(folder, 'model');
  mkdirSync(model, { recursive: true });
  writeFileSync(join(model, 'config.json'), JSON.stringify(config));
  writeFileSync(join(model, 'model.safetensors'), randomSafetensors(shapes, randomSource(1)));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(join(example, 'model', name), join(model, name));
  }
  copyFileSync(join(example, 'eval.txt'), join(folder, 'eval.txt'));
}
