import { createModelRunner, type Model } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCachedDecoder, createGenerator } from '../src/index.js';
import { testBackends } from './world/test-backends.js';
import { type Form, forms, type TinyLlama, tinyLlama } from './world/tiny-llama.js';

// A software adapter compiles some pipelines for seconds, and tfjs's own CPU backend is slow.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const backends = await testBackends();
const text =
  'import numpy as np\n\ndef mean(values, axis=None):\n    """Average of the values along an axis."""\n';

/** Logits [positions, vocabulary] of a whole pass. */
async function wholePass(
  model: Model,
  ids: ArrayLike<number>,
): Promise<{ at(position: number): Float32Array; dispose(): void }> {
  const runner = createModelRunner(model);
  const input = tf.tensor2d(Int32Array.from(ids), [1, ids.length], 'int32');
  const { logits } = await runner.run({ input_ids: input });
  const values = await logits.data<'float32'>();
  const vocabulary = logits.shape.at(-1) ?? 0;
  tf.dispose([logits, input]);
  return {
    at: (position) => values.subarray(position * vocabulary, (position + 1) * vocabulary),
    dispose: () => runner.dispose(),
  };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

describe.each(backends)('$name', (backend) => {
  let world: TinyLlama;
  beforeAll(async () => {
    await backend.start();
    world = await tinyLlama();
  });
  afterAll(() => {
    world.remove();
    backend.stop();
  });
  const runnable = forms.filter((form) => backend.quantized || form === 'float');

  it.each(runnable)('%s: logits with a cache are those of a whole pass', async (form) => {
    const { model, close } = await world.open(form);
    const before = tf.memory().numTensors;
    const ids = world.tokenizer.encode(text).slice(0, 40);
    const whole = await wholePass(model, ids);
    const decoder = createCachedDecoder(model);
    const decoding = decoder.start();
    const differences: number[] = [];
    const read = async (from: number, to: number): Promise<void> => {
      const logits = await decoding.read(ids.subarray(from, to));
      expect(decoding.length).toBe(to);
      differences.push(largestDifference(logits, whole.at(to - 1)));
    };
    await read(0, 24);
    await decoding.skip(ids.subarray(24, 29));
    await read(29, 33);
    for (let at = 33; at < ids.length; at++) await read(at, at + 1);
    console.log(`${backend.name} ${form}: ${differences.map((d) => d.toExponential(1)).join(' ')}`);
    expect(Math.max(...differences)).toBeLessThanOrEqual(backend.bound(form));
    decoding.dispose();
    decoder.dispose();
    whole.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await close();
  });

  it.each(runnable)('%s: the greedy continuation is the one computed without a cache', async (form) => {
    const { model, close } = await world.open(form);
    const before = tf.memory().numTensors;
    const ids = [...world.tokenizer.encode(text)].slice(0, 12);
    const count = backend.slow ? 6 : 24;
    const generator = createGenerator(model, { promptChunk: 5 });
    const tokens: number[] = [];
    for await (const { id } of generator.generate({ prompt: ids, maxTokens: count })) tokens.push(id);
    generator.dispose();
    expect(tf.memory().numTensors).toBe(before);

    const expected: number[] = [];
    for (let step = 0; step < count; step++) {
      const whole = await wholePass(model, [...ids, ...expected]);
      const logits = whole.at(ids.length + step - 1);
      expected.push(logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
      whole.dispose();
    }
    expect(tokens).toEqual(expected);
    await close();
  });

  const refused: readonly Form[] = backend.quantized ? [] : ['W8A8', 'W4A16'];
  it.for(refused)('%s is refused by the name of the backend, and nothing is left', async (form) => {
    const { model, close } = await world.open(form);
    const before = tf.memory().numTensors;
    const decoder = createCachedDecoder(model);
    const decoding = decoder.start();
    await expect(decoding.read([1, 2])).rejects.toThrow(`the tfjs backend ${tf.getBackend()} has no kernel`);
    decoding.dispose();
    decoder.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await close();
  });
});
