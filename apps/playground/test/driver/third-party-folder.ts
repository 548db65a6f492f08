import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomSource } from '@tamp/fixtures/random';
import { randomSafetensors } from '@tamp/fixtures/random-safetensors';

const hidden = 32;
const intermediate = 64;
const words =
  'the a of to and in is it you that was for on are with as his they be at one have this from or had by not but what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find'.split(
    ' ',
  );
/** Words, and the token for all others. */
const knownTokens = words.length + 1;

const shapesOf = (vocabulary: number): Readonly<Record<string, readonly number[]>> => ({
  'model.embed_tokens.weight': [vocabulary, hidden],
  'model.layers.0.input_layernorm.weight': [hidden],
  'model.layers.0.self_attn.q_proj.weight': [hidden, hidden],
  'model.layers.0.self_attn.q_proj.bias': [hidden],
  'model.layers.0.self_attn.k_proj.weight': [hidden / 2, hidden],
  'model.layers.0.self_attn.k_proj.bias': [hidden / 2],
  'model.layers.0.self_attn.v_proj.weight': [hidden / 2, hidden],
  'model.layers.0.self_attn.v_proj.bias': [hidden / 2],
  'model.layers.0.self_attn.o_proj.weight': [hidden, hidden],
  'model.layers.0.post_attention_layernorm.weight': [hidden],
  'model.layers.0.mlp.gate_proj.weight': [intermediate, hidden],
  'model.layers.0.mlp.up_proj.weight': [intermediate, hidden],
  'model.layers.0.mlp.down_proj.weight': [hidden, intermediate],
  'model.norm.weight': [hidden],
  'lm_head.weight': [vocabulary, hidden],
});

const configOf = (vocabulary: number): object => ({
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_act: 'silu',
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: false,
  vocab_size: vocabulary,
  torch_dtype: 'float32',
});

/** A tokenizer of whole words: as unlike the shipped model's as it gets. */
const tokenizer = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  post_processor: null,
  decoder: null,
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Whitespace' },
  model: {
    type: 'WordLevel',
    unk_token: '[UNK]',
    vocab: Object.fromEntries([...words, '[UNK]'].map((word, id) => [word, id])),
  },
};

/**
 * Writes a random Qwen2 of one layer in two shards, with a tokenizer of its own and a text for it, into `folder`. A
 * larger `vocabulary` than the tokenizer knows makes a larger model.
 */
export function writeThirdPartyFolder(folder: string, vocabulary: number = knownTokens): string {
  mkdirSync(folder, { recursive: true });
  const random = randomSource(7);
  const shapes = shapesOf(vocabulary);
  const names = Object.keys(shapes);
  const shards = {
    'model-00001-of-00002.safetensors': names.slice(0, 6),
    'model-00002-of-00002.safetensors': names.slice(6),
  };
  const weightMap: Record<string, string> = {};
  for (const [file, inside] of Object.entries(shards)) {
    const inShard = Object.fromEntries(inside.map((name) => [name, shapes[name] ?? []]));
    writeFileSync(join(folder, file), randomSafetensors(inShard, random));
    for (const name of inside) weightMap[name] = file;
  }
  writeFileSync(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: {}, weight_map: weightMap }),
  );
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configOf(vocabulary)));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(folder, 'tokenizer_config.json'), '{}');
  writeFileSync(
    join(folder, 'own-words.txt'),
    Array.from({ length: 600 }, () => words[Math.floor((random() + 0.5) * words.length)]).join(' '),
  );
  return folder;
}
