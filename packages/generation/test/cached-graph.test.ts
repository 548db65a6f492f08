import {
  type Attributes,
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type Graph,
  graphFromJson,
  graphToJson,
  lintGraph,
  type Model,
  operators,
  type Parameter,
  Random,
  replaceOperators,
  type SymbolicValue,
} from '@tamp/core';
import { buildCausalLanguageModel, createConvNet } from '@tamp/models';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { cachedGraph, createCachedDecoder } from '../src/index.js';

beforeAll(() => tf.setBackend('cpu'));

const sizes = {
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 50,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
};

/** A model of random weights for a graph. */
function randomModel(graph: Graph, seed = 1): Model {
  const random = new Random(seed);
  const parameters = new Map<string, Parameter>();
  for (const node of graph.nodes) {
    if (node.kind !== 'parameter') continue;
    const shape = node.type.shape.map((size) => size ?? 1);
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal() / 3);
    parameters.set(node.parameter, { name: node.parameter, shape, storage: denseStorage(values) });
  }
  return { graph, parameters, architecture: 'test', config: {}, assets: new Map() };
}

/** Refuses unless single tokens behind two chunks give the logits of a whole pass, to the bit. */
async function expectSameLogits(model: Model): Promise<void> {
  const before = tf.memory().numTensors;
  const random = new Random(8);
  const ids = Int32Array.from({ length: 20 }, () => random.integer(sizes.vocab_size));
  const runner = createModelRunner(model);
  const input = tf.tensor2d(ids, [1, ids.length]);
  const { logits } = await runner.run({ input_ids: input });
  const whole = await logits.data<'float32'>();
  tf.dispose([input, logits]);
  runner.dispose();
  const decoder = createCachedDecoder(model);
  const decoding = decoder.start();
  const at = (position: number): Float32Array =>
    whole.subarray(position * sizes.vocab_size, (position + 1) * sizes.vocab_size);
  expect(await decoding.read(ids.subarray(0, 9))).toEqual(at(8));
  await decoding.skip(ids.subarray(9, 12));
  for (let i = 12; i < ids.length; i++) expect(await decoding.read([ids[i]])).toEqual(at(i));
  decoding.dispose();
  decoder.dispose();
  expect(tf.memory().numTensors).toBe(before);
}

const rope = { rope_theta: 500 };

describe('logits with a cache are those of a whole pass, to the bit, for', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['one key-value head for each head', 'LlamaForCausalLM', {}],
    ['grouped-query attention', 'LlamaForCausalLM', { num_key_value_heads: 2 }],
    ['one key-value head for all', 'LlamaForCausalLM', { num_key_value_heads: 1, head_dim: 10 }],
    ['tied embeddings', 'LlamaForCausalLM', { tie_word_embeddings: true }],
    ['biases', 'LlamaForCausalLM', { attention_bias: true, mlp_bias: true }],
    ['Qwen2', 'Qwen2ForCausalLM', { num_key_value_heads: 2 }],
    ['Mistral', 'MistralForCausalLM', { sliding_window: null }],
    ['linear scaling', 'LlamaForCausalLM', { rope_scaling: { rope_type: 'linear', factor: 4 } }],
    [
      'llama3 scaling',
      'LlamaForCausalLM',
      {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 16,
        },
      },
    ],
    [
      'yarn scaling',
      'LlamaForCausalLM',
      { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 } },
    ],
  ])('%s', async (_, architecture, config) => {
    const graph = buildCausalLanguageModel({ ...sizes, ...rope, ...config } as never, architecture);
    await expectSameLogits(randomModel(graph));
  });
});

/** A decoder of one attention, with holes for tests to fill. */
function smallDecoder(
  options: {
    readonly body?: (
      x: SymbolicValue,
      apply: (operator: string, inputs: readonly SymbolicValue[], attributes?: Attributes) => SymbolicValue,
      builder: ReturnType<typeof createGraphBuilder>,
    ) => SymbolicValue;
    readonly attention?: boolean;
  } = {},
): Graph {
  const builder = createGraphBuilder();
  const ids = builder.input('input_ids', { dtype: 'int32', shape: [null, null] });
  let x = builder.apply('embedding', [ids, builder.parameter('table', [50, 8])]);
  const heed = { heads: 2, keyValueHeads: 2, headSize: 4, scale: 0.5 };
  if (options.attention !== false) {
    x = builder.scope('attn', 'Attention', () => builder.apply('attention', [x, x, x], heed));
  }
  x = options.body?.(x, (...call) => builder.apply(...call), builder) ?? x;
  builder.output('logits', builder.apply('linear', [x, builder.parameter('head', [50, 8])]));
  return builder.build();
}

describe('cachedGraph', () => {
  it('gives plain data that survives JSON, and leaves the graph as it was', () => {
    const graph = smallDecoder();
    const copy = structuredClone(graph);
    const { graph: cached, slots, tokens, logits, vocabulary } = cachedGraph(graph);
    expect(graph).toEqual(copy);
    expect(graphFromJson(JSON.parse(graphToJson(cached)))).toEqual(cached);
    expect({ tokens, logits, vocabulary }).toEqual({ tokens: 'input_ids', logits: 'logits', vocabulary: 50 });
    expect(slots).toEqual([
      { past: 'past.0.keys', present: 'present.0.keys', width: 8 },
      { past: 'past.0.values', present: 'present.0.values', width: 8 },
    ]);
    expect(cached.nodes.map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "past.0.keys",
        "past.0.values",
        "input_ids",
        "table",
        "embedding",
        "attn.attention.keys",
        "attn.attention.values",
        "attn.attention",
        "last_position",
        "head",
        "linear",
        "logits",
        "present.0.keys",
        "present.0.values",
      ]
    `);
    expect(lintGraph(cached).get('linear')?.shape).toEqual([null, 1, 50]);
  });

  it('takes other names where its own are taken', async () => {
    const renamed: Graph = JSON.parse(
      JSON.stringify(smallDecoder())
        .replaceAll('"embedding"', '"past.0.keys"')
        .replace('"operator":"past.0.keys"', '"operator":"embedding"'),
    );
    const { slots } = cachedGraph(renamed);
    expect(slots[0].past).toBe('past.0.keys_1');
    await expectSameLogits(randomModel(renamed));
  });

  it('sends only the last position through the norm and lm_head', () => {
    const graph = buildCausalLanguageModel({ ...sizes, ...rope } as never, 'LlamaForCausalLM');
    const types = lintGraph(cachedGraph(graph).graph);
    expect(types.get('model.norm.rms_norm')?.shape).toEqual([null, 1, 24]);
    expect(types.get('lm_head.linear')?.shape).toEqual([null, 1, 50]);
    expect(types.get('model.layers.1.mlp.down_proj.linear')?.shape).toEqual([null, null, 24]);
  });

  it('does not cut rows off before an int8 layer whose levels depend on all of them', () => {
    const graph = (kind: string): Graph =>
      replaceOperators(smallDecoder(), (node) =>
        node.operator === 'linear'
          ? { operator: 'int8_linear', attributes: { activation: { kind, reduceRange: false } } }
          : undefined,
      );
    expect(lintGraph(cachedGraph(graph('token')).graph).get('linear')?.shape).toEqual([null, 1, 50]);
    expect(lintGraph(cachedGraph(graph('tensor')).graph).get('linear')?.shape).toEqual([null, null, 50]);
  });

  it('reads one table for equal rotations and one more for each other', async () => {
    const rotary = (base: number): Attributes => ({ frequencies: [1 / base, 0.01], attentionScale: 1 });
    const graph = smallDecoder({
      body: (x, apply) =>
        apply(
          'attention',
          [
            apply('rotary_embedding', [x], rotary(3)),
            apply('rotary_embedding', [x], rotary(3)),
            apply('rotary_embedding', [x], rotary(5)),
          ],
          {
            heads: 2,
            keyValueHeads: 2,
            headSize: 4,
            scale: 0.5,
          },
        ),
    });
    const tables = cachedGraph(graph).graph.nodes.filter(
      (node) => node.kind === 'operator' && node.operator === 'rotary_table',
    );
    expect(tables).toHaveLength(4);
    await expectSameLogits(randomModel(graph));
  });

  it('refuses, by name, what is no causal decoder', () => {
    operators.register({
      name: 'test_mixing',
      arity: [1, 1],
      infer: ([x]) => x,
      run: ([x]) => x as tf.Tensor,
    });
    const wrong =
      (graph: Graph): (() => unknown) =>
      () =>
        cachedGraph(graph);
    expect(wrong(smallDecoder({ attention: false }))).toThrow('the model has no attention');
    expect(wrong(smallDecoder({ body: (x, apply) => apply('test_mixing', [x]) }))).toThrow(
      'test_mixing: no text can be generated: the operator test_mixing mixes positions.',
    );
    expect(
      wrong(
        smallDecoder({ body: (x, apply, builder) => apply('add', [x, builder.parameter('p', [16, 8])]) }),
      ),
    ).toThrow('a value of shape [any, 16, 8] is no sequence');
    const cross = smallDecoder({
      body: (x, apply, builder) => {
        const memory = builder.parameter('memory', [1, 16, 8]);
        return apply('attention', [x, memory, memory], { heads: 2, keyValueHeads: 2, headSize: 4, scale: 1 });
      },
    });
    expect(wrong(cross)).toThrow('an attention reads something else than the sequence');
    const uncausal = replaceOperators(smallDecoder(), (node) =>
      node.operator === 'attention'
        ? { ...node, attributes: { ...node.attributes, causal: false } }
        : undefined,
    );
    expect(wrong(uncausal)).toThrow('attn.attention: no text can be generated: its attention is not causal');
    expect(wrong(cachedGraph(smallDecoder()).graph)).toThrow('must have one input, of token ids');
    const image = createConvNet({ input: [1, 8, 8], convolutions: [{ channels: 2 }], widths: [4] });
    expect(wrong(image.graph)).toThrow('must have one input, of token ids');
    const builder = createGraphBuilder();
    const ids = builder.input('ids', { dtype: 'int32', shape: [null, null] });
    builder.output('ids_again', ids);
    expect(wrong(builder.build())).toThrow('must have one output, of logits');
  });
});
