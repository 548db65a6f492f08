// Writes a Llama with random weights as transformers would save it: bfloat16, in shards of 200 MB.
//
//   node make-model.js 430m        (or 500m, 1b)        writes ./model-430m
//
// The weights mean nothing; their number and shape are what counts for time and memory.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { float32ToBfloat16, Random } from '@tamp/core';
import { writeSharded } from '@tamp/safetensors';
import { fileSink } from '@tamp/safetensors/node';

const common = { vocab_size: 32000, head_dim: 64 };
const sizes = {
  '430m': {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    num_key_value_heads: 4,
  },
  '500m': {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 29,
    num_attention_heads: 16,
    num_key_value_heads: 4,
  },
  '1b': {
    hidden_size: 1536,
    intermediate_size: 6144,
    num_hidden_layers: 26,
    num_attention_heads: 24,
    num_key_value_heads: 6,
  },
};
const shardBytes = 200e6;
const chunkElements = 2 ** 20;

const [size = '430m', folder = `model-${size}`] = process.argv.slice(2);
if (!Object.hasOwn(sizes, size)) {
  console.error(`there is no size ${size}: choose ${Object.keys(sizes).join(', ')}`);
  process.exit(2);
}
const shape = { ...common, ...sizes[size] };

/** Names and shapes of every weight; the head is not tied to the embedding. */
function weights({ hidden_size: hidden, intermediate_size: inner, ...rest }) {
  const query = rest.num_attention_heads * rest.head_dim;
  const keyValue = rest.num_key_value_heads * rest.head_dim;
  const layers = Array.from({ length: rest.num_hidden_layers }, (_, i) => [
    [`model.layers.${i}.input_layernorm.weight`, [hidden]],
    [`model.layers.${i}.self_attn.q_proj.weight`, [query, hidden]],
    [`model.layers.${i}.self_attn.k_proj.weight`, [keyValue, hidden]],
    [`model.layers.${i}.self_attn.v_proj.weight`, [keyValue, hidden]],
    [`model.layers.${i}.self_attn.o_proj.weight`, [hidden, query]],
    [`model.layers.${i}.post_attention_layernorm.weight`, [hidden]],
    [`model.layers.${i}.mlp.gate_proj.weight`, [inner, hidden]],
    [`model.layers.${i}.mlp.up_proj.weight`, [inner, hidden]],
    [`model.layers.${i}.mlp.down_proj.weight`, [hidden, inner]],
  ]);
  return [
    ['model.embed_tokens.weight', [rest.vocab_size, hidden]],
    ...layers.flat(),
    ['model.norm.weight', [hidden]],
    ['lm_head.weight', [rest.vocab_size, hidden]],
  ];
}

const random = new Random(1);

/** Normal numbers of deviation 0.02, norms all ones, in pieces. */
function* values(shape) {
  let left = shape.reduce((product, extent) => product * extent, 1);
  while (left > 0) {
    const piece = new Float32Array(Math.min(left, chunkElements));
    if (shape.length === 1) piece.fill(1);
    else
      random.fillNormal(piece).forEach((value, i) => {
        piece[i] = value * 0.02;
      });
    const bits = float32ToBfloat16(piece);
    yield new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
    left -= piece.length;
  }
}

await mkdir(folder, { recursive: true });
const entries = weights(shape).map(([name, extents]) => ({
  name,
  dtype: 'BF16',
  shape: extents,
  data: () => values(extents),
}));
await writeSharded((name) => fileSink(join(folder, name)), entries, {
  maxShardBytes: shardBytes,
  metadata: { format: 'pt' },
  order: 'given',
});
const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  dtype: 'bfloat16',
  hidden_act: 'silu',
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  attention_bias: false,
  mlp_bias: false,
  ...shape,
};
await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
// Any tokenizer with fewer tokens than the vocabulary will do.
const tokenizer = new URL('../tiny-llama/model/', import.meta.url);
for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
  await copyFile(new URL(name, tokenizer), join(folder, name));
}
console.log(`wrote ${folder}`);
