import { readFileSync } from 'node:fs';
import {
  type AffineScheme,
  type ByteSource,
  bytesOf,
  createGraphBuilder,
  type DenseDtype,
  type Model,
  type Parameter,
} from '@tamp/core';
import { fixturePath, readTensorFixture } from '@tamp/fixtures';
import { quantized } from './quantized.js';

const dtypes: Readonly<Record<string, DenseDtype>> = { BF16: 'bfloat16', F32: 'float32', F16: 'float16' };

/**
 * The trained Llama of the fixtures as W4 g64 symmetric, embedding (tied to the head) left in bfloat16, with its
 * tokenizer. Its graph has a node for every operator of the real one, so that the manifest is as large.
 */
export function quantizedLlama(scaleFormat: DenseDtype): Model {
  const file = readTensorFixture('tiny-llama', 'model.safetensors');
  const config = JSON.parse(readFileSync(fixturePath('tiny-llama', 'config.json'), 'utf8'));
  const parameters = new Map<string, Parameter>();
  const scheme: AffineScheme = { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 64 } };
  for (const name of file.names) {
    const tensor = file.get(name);
    const { shape } = tensor;
    const isLinear = shape.length === 2 && !name.includes('embed_tokens');
    parameters.set(name, {
      name,
      shape,
      storage: isLinear
        ? quantized(tensor.float32(), shape[0], shape[1], scheme, scaleFormat)
        : { kind: 'dense', dtype: dtypes[tensor.dtype], bytes: bytesOf(tensor.bytes) },
    });
  }
  const builder = createGraphBuilder();
  const shapeOf = (name: string): readonly number[] => parameters.get(name)?.shape ?? [];
  const weight = (name: string) => builder.parameter(`${name}.weight`, shapeOf(`${name}.weight`));
  const ids = builder.input('input_ids', { dtype: 'int32', shape: [null, null] });
  builder.scope('model', 'LlamaModel', () => {
    let x = builder.apply('embedding', [ids, weight('model.embed_tokens')]);
    const norm = (name: string, value: typeof x) =>
      builder.scope(name, 'LlamaRMSNorm', () =>
        builder.apply('rms_norm', [value, weight(builder.path)], { epsilon: config.rms_norm_eps }),
      );
    const linear = (name: string, value: typeof x) =>
      builder.scope(name, 'Linear', () => builder.apply('linear', [value, weight(builder.path)]));
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      builder.scope(`layers.${layer}`, 'LlamaDecoderLayer', () => {
        const normed = norm('input_layernorm', x);
        const attended = builder.scope('self_attn', 'LlamaAttention', () => {
          const q = linear('q_proj', normed);
          const k = linear('k_proj', normed);
          const v = linear('v_proj', normed);
          const heads = config.num_attention_heads;
          const keyValueHeads = config.num_key_value_heads;
          const headSize = config.head_dim ?? config.hidden_size / heads;
          const scale = headSize ** -0.5;
          const values = builder.apply('attention', [q, k, v], { heads, keyValueHeads, headSize, scale });
          return linear('o_proj', values);
        });
        x = builder.apply('add', [x, attended]);
        const normedAgain = norm('post_attention_layernorm', x);
        const fed = builder.scope('mlp', 'LlamaMLP', () => {
          const gate = linear('gate_proj', normedAgain);
          const up = linear('up_proj', normedAgain);
          return linear('down_proj', builder.apply('swiglu', [gate, up]));
        });
        x = builder.apply('add', [x, fed]);
      });
    }
    builder.output('logits', builder.apply('linear', [norm('norm', x), weight('model.embed_tokens')]));
  });
  const assets = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'config.json'];
  return {
    graph: builder.build(),
    parameters,
    architecture: 'LlamaForCausalLM',
    config,
    assets: new Map(
      assets.map((path): [string, ByteSource] => [
        path,
        bytesOf(readFileSync(fixturePath('tiny-llama', path))),
      ]),
    ),
  };
}
