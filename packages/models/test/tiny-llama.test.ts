import { readdirSync, readFileSync } from 'node:fs';
import { createModelRunner, type Model, type ModelRunner } from '@tamp/core';
import { fixturePath, readJsonFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../src/index.js';
import { openModelFolder } from '../src/node.js';

interface Reference {
  readonly seq: number;
  readonly sequences: number;
  readonly first_ids: readonly number[];
  readonly logits_row0: readonly number[];
  readonly logits_row100: readonly number[];
  readonly logits_last: readonly number[];
}

const reference = readJsonFixture<Reference>('tiny-llama', 'reference.json');

describe('tiny-llama, as transformers saved it', () => {
  let model: Model;
  let close: () => Promise<void>;
  let tokenizer: Tokenizer;
  let runner: ModelRunner;
  let tensorsBefore = 0;

  beforeAll(async () => {
    await tf.setBackend('cpu');
    tensorsBefore = tf.memory().numTensors;
    ({ model, close } = await openModelFolder(fixturePath('tiny-llama')));
    tokenizer = await loadTokenizer(model);
    runner = createModelRunner(model);
  });
  afterAll(async () => {
    runner.dispose();
    await close();
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });

  it('takes along the tokenizer and the generation settings, and no other file', () => {
    const assets = [...model.assets.keys()];
    const files = readdirSync(fixturePath('tiny-llama'));
    expect(assets).toContain('tokenizer.json');
    expect(assets).toEqual(
      expect.arrayContaining(files.filter((file) => /^(tokenizer|generation_config|special_)/.test(file))),
    );
    // Texts, references and weights lie in the same folder.
    expect(assets.filter((name) => /eval|calibration|reference|^config|model\./.test(name))).toEqual([]);
    expect([model.architecture]).toEqual(model.config.architectures);
    // Some models have rows for tokens that do not exist.
    expect(model.config.vocab_size).toBeGreaterThanOrEqual(tokenizer.vocabularySize);
  });

  it('names modules and parameters as transformers does and ties the embeddings where its config says so', () => {
    const { nodes, scopes } = model.graph;
    const family = model.architecture.replace('ForCausalLM', '');
    expect(scopes).toMatchObject({
      model: `${family}Model`,
      'model.embed_tokens': 'Embedding',
      'model.layers': 'ModuleList',
      'model.layers.0': `${family}DecoderLayer`,
      'model.layers.0.self_attn': `${family}Attention`,
      'model.layers.0.self_attn.q_proj': 'Linear',
      'model.layers.0.mlp': `${family}MLP`,
      'model.layers.0.mlp.gate_proj': 'Linear',
      'model.layers.0.input_layernorm': `${family}RMSNorm`,
      'model.norm': `${family}RMSNorm`,
      lm_head: 'Linear',
    });
    const table = nodes.find(
      (node) => node.kind === 'parameter' && node.parameter === 'model.embed_tokens.weight',
    );
    const users = nodes.filter((node) => node.kind === 'operator' && node.inputs.includes(table?.name ?? ''));
    expect(users.map((node) => node.scope)).toEqual(
      model.config.tie_word_embeddings === true ? ['model.embed_tokens', 'lm_head'] : ['model.embed_tokens'],
    );
    for (const node of nodes) {
      // A linear layer is a module of its own; its parameters lie in it.
      if (node.kind === 'operator' && node.operator === 'linear') expect(scopes[node.scope]).toBe('Linear');
    }
    const last = Number(model.config.num_hidden_layers) - 1;
    expect(model.parameters.has(`model.layers.${last}.mlp.down_proj.weight`)).toBe(true);
    expect(model.parameters.has(`model.layers.${last + 1}.mlp.down_proj.weight`)).toBe(false);
  });

  it('tokenizes the evaluation text as transformers does, and back', () => {
    const text = readFileSync(fixturePath('tiny-llama', 'eval.txt'), 'utf8');
    const ids = tokenizer.encode(text);
    expect(Array.from(ids.subarray(0, reference.seq))).toEqual(reference.first_ids);
    expect(Math.floor(ids.length / reference.seq)).toBe(reference.sequences);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it("gives the first window's logits", async () => {
    const ids = tf.tensor2d([...reference.first_ids], [1, reference.seq], 'int32');
    const { logits } = await runner.run({ input_ids: ids });
    const vocabulary = reference.logits_row0.length;
    expect(logits.shape).toEqual([1, reference.seq, vocabulary]);
    const values = await logits.data();
    const rows: readonly (readonly [number, readonly number[]])[] = [
      [0, reference.logits_row0],
      [100, reference.logits_row100],
      [reference.seq - 1, reference.logits_last],
    ];
    for (const [row, expected] of rows) {
      const actual = values.subarray(row * vocabulary, (row + 1) * vocabulary);
      const worst = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
      // float32 sums in another order than PyTorch's, layer after layer: some 1e-6 of the largest logit.
      const largest = Math.max(...expected.map(Math.abs));
      expect(worst / largest, `row ${row}`).toBeLessThan(1e-5);
    }
    tf.dispose([ids, logits]);
  });

  it('does not let a token see those after it, whatever the batch', async () => {
    const [batch, length] = [2, 12];
    const first = reference.first_ids.slice(0, length);
    const other = [...first.slice(0, 8), ...first.slice(0, 4)];
    const ids = tf.tensor2d([...other, ...first], [batch, length], 'int32');
    const { logits } = await runner.run({ input_ids: ids });
    const values = await logits.data();
    const vocabulary = reference.logits_row0.length;
    const row = (b: number, t: number): Float32Array => {
      const start = (b * length + t) * vocabulary;
      return Float32Array.from(values.subarray(start, start + vocabulary));
    };
    for (let t = 0; t < 8; t++) expect(row(0, t)).toEqual(row(1, t));
    expect(row(0, 8)).not.toEqual(row(1, 8));
    // Alone in a batch and at the start of a longer window, the first token gives the same numbers.
    const worst = Math.max(...reference.logits_row0.map((value, i) => Math.abs(value - row(1, 0)[i])));
    const largest = Math.max(...reference.logits_row0.map(Math.abs));
    expect(worst / largest).toBeLessThan(1e-5);
    tf.dispose([ids, logits]);
  });
});
