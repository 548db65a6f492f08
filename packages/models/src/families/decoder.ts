import {
  type Attributes,
  createGraphBuilder,
  type Graph,
  type GraphBuilder,
  type SymbolicValue,
} from '@tamp/core';
import type { DecoderConfig } from '../config/decoder-config.js';
import { rotaryFrequencies } from '../rotary/rotary-frequencies.js';
import type { ModuleTypes } from './family.js';

/** A linear layer as a module of its own, its parameters named as in PyTorch. */
function linear(
  builder: GraphBuilder,
  name: string,
  x: SymbolicValue,
  [rows, columns]: readonly [number, number],
  bias: boolean,
): SymbolicValue {
  return builder.scope(name, 'Linear', () => {
    const weight = builder.parameter(`${builder.path}.weight`, [rows, columns]);
    if (!bias) return builder.apply('linear', [x, weight]);
    return builder.apply('linear', [x, weight, builder.parameter(`${builder.path}.bias`, [rows])]);
  });
}

/**
 * A pre-norm decoder of Llama's kind: rotary positions, causal attention with grouped-query heads, a gated
 * feed-forward and root-mean-square norms (Touvron et al. 2023).
 */
export function buildDecoder(config: DecoderConfig, modules: ModuleTypes): Graph {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize, biases } = config;
  const builder = createGraphBuilder();
  const { frequencies, attentionScale } = rotaryFrequencies(config.rotary);
  const rotary: Attributes = { frequencies, attentionScale };
  const heed: Attributes = { heads, keyValueHeads, headSize, scale: 1 / Math.sqrt(headSize) };

  const norm = (name: string, x: SymbolicValue): SymbolicValue =>
    builder.scope(name, modules.norm, () => {
      const weight = builder.parameter(`${builder.path}.weight`, [hiddenSize]);
      return builder.apply('rms_norm', [x, weight], { epsilon: config.normEpsilon });
    });

  const attention = (x: SymbolicValue): SymbolicValue =>
    builder.scope('self_attn', modules.attention, () => {
      const queryWidth = heads * headSize;
      const keyValueWidth = keyValueHeads * headSize;
      const q = linear(builder, 'q_proj', x, [queryWidth, hiddenSize], biases.queryKeyValue);
      const k = linear(builder, 'k_proj', x, [keyValueWidth, hiddenSize], biases.queryKeyValue);
      const v = linear(builder, 'v_proj', x, [keyValueWidth, hiddenSize], biases.queryKeyValue);
      const turnedQ = builder.apply('rotary_embedding', [q], rotary);
      const turnedK = builder.apply('rotary_embedding', [k], rotary);
      const mixed = builder.apply('attention', [turnedQ, turnedK, v], heed);
      return linear(builder, 'o_proj', mixed, [hiddenSize, queryWidth], biases.output);
    });

  const feedForward = (x: SymbolicValue): SymbolicValue =>
    builder.scope('mlp', modules.mlp, () => {
      const gate = linear(builder, 'gate_proj', x, [intermediateSize, hiddenSize], biases.mlp);
      const up = linear(builder, 'up_proj', x, [intermediateSize, hiddenSize], biases.mlp);
      const gated = builder.apply('swiglu', [gate, up]);
      return linear(builder, 'down_proj', gated, [hiddenSize, intermediateSize], biases.mlp);
    });

  const decoderLayer = (index: number, x: SymbolicValue): SymbolicValue =>
    builder.scope(`${index}`, modules.decoderLayer, () => {
      const attended = builder.apply('add', [x, attention(norm('input_layernorm', x))]);
      return builder.apply('add', [attended, feedForward(norm('post_attention_layernorm', attended))]);
    });

  const ids = builder.input('input_ids', { dtype: 'int32', shape: [null, null] });
  const table: readonly [number, number] = [config.vocabularySize, hiddenSize];
  const tableName = 'model.embed_tokens.weight';

  const hidden = builder.scope('model', modules.model, () => {
    let x = builder.scope('embed_tokens', 'Embedding', () =>
      builder.apply('embedding', [ids, builder.parameter(tableName, table)]),
    );
    builder.scope('layers', 'ModuleList', () => {
      for (let index = 0; index < config.layers; index++) x = decoderLayer(index, x);
    });
    return norm('norm', x);
  });

  const logits = config.tiedEmbeddings
    ? builder.scope('lm_head', 'Linear', () =>
        builder.apply('linear', [hidden, builder.parameter(tableName, table)]),
      )
    : linear(builder, 'lm_head', hidden, table, false);
  builder.output('logits', logits);
  return builder.build();
}
