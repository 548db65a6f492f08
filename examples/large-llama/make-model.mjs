// Makes a Llama with random weights, as bfloat16 in shards of 200 MB, to try recipes for large models on.
//
//   node examples/large-llama/make-model.mjs [--preset 39m|430m|0.5b|1b] [--layers N] [--seed 1] [--out examples/large-llama/model]
//
// The same preset and seed give the same bytes on every machine. Needs the packages to be built (pnpm run build).
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { float32ToBfloat16, Random } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import { writeSharded } from '@tamp/safetensors';

/** Sizes by what they add up to; all heads have 64 dimensions, embeddings are not tied. */
const presets = {
  // For tests: the same shape in small.
  tiny: { hidden: 128, layers: 3, intermediate: 256, heads: 2, keyValueHeads: 1, vocabulary: 1024 },
  // The smallest that counts as large: 78 MB.
  '39m': { hidden: 1024, layers: 2, intermediate: 4096, heads: 16, keyValueHeads: 4, vocabulary: 4096 },
  '430m': { hidden: 1024, layers: 24, intermediate: 4096, heads: 16, keyValueHeads: 4, vocabulary: 32_000 },
  '0.5b': { hidden: 1280, layers: 21, intermediate: 4096, heads: 20, keyValueHeads: 4, vocabulary: 32_000 },
  '1b': { hidden: 1792, layers: 26, intermediate: 5376, heads: 28, keyValueHeads: 4, vocabulary: 32_000 },
};

const { values: options } = parseArgs({
  options: {
    preset: { type: 'string', default: '430m' },
    // Fewer decoder layers than the preset has, for quick work.
    layers: { type: 'string' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: fileURLToPath(new URL('./model', import.meta.url)) },
  },
});
const preset = presets[options.preset];
if (preset === undefined)
  throw new Error(`no preset ${options.preset}; there are ${Object.keys(presets).join(', ')}`);
if (options.layers !== undefined && !/^[1-9]\d*$/.test(options.layers))
  throw new Error('layers must be a whole number from 1 up');
const size = { ...preset, ...(options.layers === undefined ? {} : { layers: Number(options.layers) }) };
if (!/^\d+$/.test(options.seed)) throw new Error('the seed must be a whole number');

const headDimension = 64;
const standardDeviation = 0.02;
const maxShardBytes = 200_000_000;
/** Numbers drawn at a time. */
const chunkElements = 2 ** 20;

/** @returns {[string, number[]][]} names and shapes in the order of the layers */
function tensorShapes({ hidden, layers, intermediate, heads, keyValueHeads, vocabulary }) {
  const shapes = [['model.embed_tokens.weight', [vocabulary, hidden]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = (name) => `model.layers.${layer}.${name}.weight`;
    shapes.push(
      [at('input_layernorm'), [hidden]],
      [at('self_attn.q_proj'), [heads * headDimension, hidden]],
      [at('self_attn.k_proj'), [keyValueHeads * headDimension, hidden]],
      [at('self_attn.v_proj'), [keyValueHeads * headDimension, hidden]],
      [at('self_attn.o_proj'), [hidden, heads * headDimension]],
      [at('post_attention_layernorm'), [hidden]],
      [at('mlp.gate_proj'), [intermediate, hidden]],
      [at('mlp.up_proj'), [intermediate, hidden]],
      [at('mlp.down_proj'), [hidden, intermediate]],
    );
  }
  shapes.push(['model.norm.weight', [hidden]], ['lm_head.weight', [vocabulary, hidden]]);
  return shapes;
}

/** Normal numbers for matrices, ones for norms, some at a time: no tensor is ever whole in memory. */
function* bytesOfTensor(shape, random) {
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  for (let done = 0; done < count; done += chunkElements) {
    const values = new Float32Array(Math.min(chunkElements, count - done));
    if (shape.length === 1) values.fill(1);
    else {
      random.fillNormal(values);
      for (let i = 0; i < values.length; i++) values[i] *= standardDeviation;
    }
    yield new Uint8Array(float32ToBfloat16(values).buffer);
  }
}

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  attention_bias: false,
  mlp_bias: false,
  bos_token_id: 0,
  eos_token_id: 0,
  dtype: 'bfloat16',
  head_dim: headDimension,
  hidden_act: 'silu',
  hidden_size: size.hidden,
  initializer_range: standardDeviation,
  intermediate_size: size.intermediate,
  max_position_embeddings: 2048,
  num_attention_heads: size.heads,
  num_hidden_layers: size.layers,
  num_key_value_heads: size.keyValueHeads,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_theta: 10000.0, rope_type: 'default' },
  tie_word_embeddings: false,
  vocab_size: size.vocabulary,
};

const shapes = tensorShapes(size);
const random = new Random(Number(options.seed));
await mkdir(options.out, { recursive: true });
const old = (await readdir(options.out)).filter((name) => /\.safetensors(\.index\.json)?$/.test(name));
if (old.length > 0) throw new Error(`${options.out} holds a model already: ${old.join(', ')}`);
const { files, tensorBytes } = await writeSharded(
  (name) => fileSink(join(options.out, name)),
  // Each tensor has a sequence of its own, so its numbers do not depend on those before it.
  shapes.map(([name, shape], index) => ({
    name,
    dtype: 'BF16',
    shape,
    data: () => bytesOfTensor(shape, random.fork(index)),
  })),
  { maxShardBytes, order: 'given', metadata: { format: 'pt' } },
);
// The tokenizer of the small example: its 1,024 tokens are among this model's, so texts can be evaluated.
for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
  await copyFile(new URL(`../tiny-llama/model/${name}`, import.meta.url), join(options.out, name));
}
await writeFile(join(options.out, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
const parameters = shapes.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0);
console.log(
  `${parameters.toLocaleString('en')} parameters, ${(tensorBytes / 1e6).toFixed(0)} MB in ${files.length} files: ${options.out}`,
);
