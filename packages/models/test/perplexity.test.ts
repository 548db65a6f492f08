import { readFileSync } from 'node:fs';
import { registerCpuBackend } from '@tamp/backend-cpu';
import { createModelRunner } from '@tamp/core';
import { fixturePath, readJsonFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../src/index.js';
import { openModelFolder } from '../src/node.js';

interface Reference {
  readonly seq: number;
  readonly sequences: number;
  readonly tokens: number;
  readonly perplexity: number;
}

/** −Σ log softmax(logits)[next token] over the tokens after the first; logits [tokens, vocabulary]. */
function negativeLogLikelihood(logits: ArrayLike<number>, ids: Int32Array): number {
  const vocabulary = logits.length / ids.length;
  let sum = 0;
  for (let t = 0; t + 1 < ids.length; t++) {
    const start = t * vocabulary;
    let largest = -Infinity;
    for (let i = 0; i < vocabulary; i++) largest = Math.max(largest, logits[start + i]);
    let total = 0;
    for (let i = 0; i < vocabulary; i++) total += Math.exp(logits[start + i] - largest);
    sum += largest + Math.log(total) - logits[start + ids[t + 1]];
  }
  return sum;
}

describe('tiny-llama in float32', () => {
  beforeAll(async () => {
    await registerCpuBackend();
    await tf.setBackend('tamp-cpu');
  });
  afterAll(() => tf.removeBackend('tamp-cpu'));

  it('has the reference perplexity over all windows, and leaves no tensor', {
    timeout: 300_000,
  }, async () => {
    const { seq, sequences, tokens, perplexity } = readJsonFixture<Reference>('tiny-llama', 'reference.json');
    const { model, close } = await openModelFolder(fixturePath('tiny-llama'));
    const text = readFileSync(fixturePath('tiny-llama', 'eval.txt'), 'utf8');
    const ids = (await loadTokenizer(model)).encode(text);
    const before = tf.memory().numTensors;
    const runner = createModelRunner(model);
    let sum = 0;
    for (let window = 0; window < sequences; window++) {
      const part = ids.subarray(window * seq, (window + 1) * seq);
      const input = tf.tensor2d(part, [1, seq], 'int32');
      const { logits } = await runner.run({ input_ids: input });
      sum += negativeLogLikelihood(await logits.data(), part);
      tf.dispose([input, logits]);
    }
    runner.dispose();
    await close();
    expect(tf.memory().numTensors).toBe(before);
    expect(sequences * (seq - 1)).toBe(tokens);
    // What float32 leaves of other orders of summation is below 1e-6; this is the bound the project states.
    expect(Math.abs(Math.exp(sum / tokens) - perplexity)).toBeLessThan(0.002);
  });
});
