import { createModelRunner } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildCausalLanguageModel, causalLanguageModelFamilies, openModel } from '../src/index.js';
import { memoryFolder, randomFolder, type TestConfig } from './memory-folder.js';
import { plainDecoder } from './plain-decoder.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const sizes = {
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  vocab_size: 13,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
};

const ids = [1, 12, 0, 7, 7, 3, 9];

interface Case {
  readonly name: string;
  readonly architecture: string;
  readonly config: TestConfig;
  /** Whether its linear layers have biases: q, k and v, the output projection, the feed-forward. */
  readonly biases: readonly [boolean, boolean, boolean];
  readonly angle?: (position: number, pair: number) => number;
  readonly scale?: number;
}

const unscaled = (theta: number) => (position: number, pair: number) => position / theta ** ((2 * pair) / 8);

const cases: readonly Case[] = [
  {
    name: 'Qwen2 with tied embeddings, as transformers 4 writes it',
    architecture: 'Qwen2ForCausalLM',
    config: {
      tie_word_embeddings: true,
      rope_theta: 1000,
      rope_scaling: null,
      torch_dtype: 'float32',
      use_sliding_window: false,
      sliding_window: 4096,
      max_window_layers: 1,
    },
    biases: [true, false, false],
    angle: unscaled(1000),
  },
  {
    name: 'Qwen2 with a head of its own, as transformers 5 writes it',
    architecture: 'Qwen2ForCausalLM',
    config: {
      tie_word_embeddings: false,
      rope_parameters: { rope_theta: 500, rope_type: 'default' },
      dtype: 'float32',
      use_sliding_window: false,
      sliding_window: null,
      layer_types: ['full_attention', 'full_attention'],
    },
    biases: [true, false, false],
    angle: unscaled(500),
  },
  {
    name: 'Llama with every bias and linear scaling',
    architecture: 'LlamaForCausalLM',
    config: { attention_bias: true, mlp_bias: true, rope_scaling: { type: 'linear', factor: 4 } },
    biases: [true, true, true],
    angle: (position, pair) => unscaled(10000)(position / 4, pair),
  },
  {
    name: 'Llama with an attention factor',
    architecture: 'LlamaForCausalLM',
    config: { rope_scaling: { rope_type: 'yarn', factor: 1, attention_factor: 1.5 } },
    biases: [false, false, false],
    scale: 1.5,
  },
  {
    name: 'Mistral without a sliding window',
    architecture: 'MistralForCausalLM',
    config: { sliding_window: null, rope_theta: 10000 },
    biases: [false, false, false],
  },
];

describe('a causal language model in several shards', () => {
  it.each(cases)('computes what a plain decoder does: $name', async (one) => {
    const config = { ...sizes, ...one.config };
    const { files, tensors } = await randomFolder(config, one.architecture, { maxShardBytes: 4000 });
    expect([...files.keys()].filter((file) => file.endsWith('.safetensors')).length).toBeGreaterThan(2);
    const model = await openModel(memoryFolder(files));
    expect(model.architecture).toBe(one.architecture);

    const [queryKeyValue, output, mlp] = one.biases;
    expect(model.parameters.has('model.layers.1.self_attn.k_proj.bias')).toBe(queryKeyValue);
    expect(model.parameters.has('model.layers.1.self_attn.o_proj.bias')).toBe(output);
    expect(model.parameters.has('model.layers.1.mlp.down_proj.bias')).toBe(mlp);

    const runner = createModelRunner(model);
    const input = tf.tensor2d(ids, [1, ids.length], 'int32');
    const { logits } = await runner.run({ input_ids: input });
    const values = await logits.data();
    const expected = plainDecoder(ids, tensors, sizes, one.angle ?? unscaled(10000), one.scale).flat();
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - values[i])));
    // Logits reach about 5; two layers of float32 sums of at most 32 terms.
    expect(worst).toBeLessThan(2e-5);
    tf.dispose([input, logits]);
    runner.dispose();
  });
});

describe('buildCausalLanguageModel', () => {
  it('gives modules the types of their family', () => {
    for (const { architecture, modules } of causalLanguageModelFamilies) {
      const graph = buildCausalLanguageModel({ ...sizes, sliding_window: null }, architecture);
      const family = architecture.replace('ForCausalLM', '');
      expect(modules.decoderLayer).toBe(`${family}DecoderLayer`);
      expect(graph.scopes).toMatchObject({
        model: `${family}Model`,
        'model.layers.1': `${family}DecoderLayer`,
        'model.layers.1.self_attn': `${family}Attention`,
        'model.layers.1.mlp': `${family}MLP`,
        'model.layers.1.post_attention_layernorm': `${family}RMSNorm`,
        'model.norm': `${family}RMSNorm`,
      });
    }
  });

  it('derives what a config leaves out', () => {
    const { num_key_value_heads: _, head_dim: __, ...rest } = sizes;
    const graph = buildCausalLanguageModel({ ...rest, head_dim: null }, 'LlamaForCausalLM');
    const shapes = new Map(
      graph.nodes.flatMap((node) => (node.kind === 'parameter' ? [[node.parameter, node.type.shape]] : [])),
    );
    expect(shapes.get('model.layers.0.self_attn.k_proj.weight')).toEqual([24, 24]);
    expect(shapes.get('lm_head.weight')).toEqual([13, 24]);
  });

  it.each([
    ['GPT2LMHeadModel', {}, 'LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM'],
    ['LlamaForCausalLM', { hidden_act: 'gelu' }, 'hidden_act: gelu is not supported'],
    ['LlamaForCausalLM', { quantization_config: { quant_method: 'gptq' } }, 'quantization_config'],
    ['LlamaForCausalLM', { hidden_size: 2 ** 30 }, 'hidden_size'],
    ['LlamaForCausalLM', { num_hidden_layers: 1e9 }, 'num_hidden_layers'],
    ['LlamaForCausalLM', { num_hidden_layers: '2' }, 'num_hidden_layers'],
    ['LlamaForCausalLM', { vocab_size: 0 }, 'vocab_size'],
    ['LlamaForCausalLM', { num_key_value_heads: 3 }, '4 heads cannot share 3'],
    ['LlamaForCausalLM', { head_dim: 7 }, 'heads of 7 elements'],
    ['LlamaForCausalLM', { attention_bias: 'yes' }, 'attention_bias'],
    ['MistralForCausalLM', {}, 'sliding window of 4096'],
    ['Qwen2ForCausalLM', { use_sliding_window: true }, 'use_sliding_window'],
    [
      'Qwen2ForCausalLM',
      { layer_types: ['full_attention', 'sliding_attention'] },
      'sliding_attention layers',
    ],
    ['LlamaForCausalLM', { rope_scaling: { type: 'dynamic', factor: 2 } }, 'dynamic'],
  ])('refuses %s with %j', (architecture, changes, problem) => {
    const build = (): unknown =>
      buildCausalLanguageModel({ ...sizes, ...changes }, architecture, 'config.json');
    expect(build).toThrow(expect.objectContaining({ name: 'TampError' }));
    expect(build).toThrow(problem);
    expect(build).toThrow(/^config\.json/);
  });
});
