import { registerCpuBackend, type TampCpuBackend } from '@tamp/backend-cpu';
import { bytesOf, denseStorage, type Model } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import { createMlp } from '@tamp/models';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGenerator, type GeneratedToken, type GenerateOptions, generate } from '../src/index.js';
import { forms, type Opened, type TinyLlama, tinyLlama } from './world/tiny-llama.js';

let world: TinyLlama;
let opened: Opened;
let model: Model;

beforeAll(async () => {
  await registerCpuBackend();
  await tf.setBackend('tamp-cpu');
  world = await tinyLlama();
  opened = await world.open('float');
  model = opened.model;
});
afterAll(async () => {
  await opened.close();
  world.remove();
  tf.removeBackend('tamp-cpu');
});
expectNoTensorLeaks();

async function collect(options: Partial<GenerateOptions>, of: Model = model): Promise<GeneratedToken[]> {
  const all: GeneratedToken[] = [];
  const { tokenizer } = world;
  for await (const token of generate(of, { prompt: 'import numpy as', tokenizer, ...options }))
    all.push(token);
  return all;
}

const textOf = (tokens: readonly GeneratedToken[]): string => tokens.map(({ text }) => text).join('');

describe('generate', () => {
  it('gives tokens and their text, and says at the last why it is the last', async () => {
    const tokens = await collect({ maxTokens: 20 });
    expect(tokens).toHaveLength(20);
    expect(textOf(tokens)).toBe(world.tokenizer.decode(tokens.map(({ id }) => id)));
    expect(tokens.map(({ end }) => end)).toEqual([...new Array(19).fill(undefined), 'max-tokens']);
  });

  it('is the same for text, ids, a list and every size of chunk', async () => {
    const prompt = 'def mean(values):\n    """Average of the values."""\n';
    const expected = (await collect({ prompt, maxTokens: 12 })).map(({ id }) => id);
    const ids = world.tokenizer.encode(prompt);
    expect((await collect({ prompt: [...ids], maxTokens: 12 })).map(({ id }) => id)).toEqual(expected);
    for (const promptChunk of [1, 4, ids.length, 100]) {
      const generator = createGenerator(model, { promptChunk });
      const told: number[] = [];
      const given: number[] = [];
      const onPrompt = (done: number, total: number): void => {
        expect(total).toBe(ids.length);
        told.push(done);
      };
      for await (const { id, text } of generator.generate({ prompt: ids, maxTokens: 12, onPrompt })) {
        given.push(id);
        expect(text).toBe('');
      }
      expect(given).toEqual(expected);
      expect(told).toHaveLength(Math.ceil(ids.length / promptChunk));
      expect(told.at(-1)).toBe(ids.length);
      generator.dispose();
    }
  });

  it('draws the same tokens for the same seed, and others for another', async () => {
    const draw = (seed: number): Promise<GeneratedToken[]> =>
      collect({ maxTokens: 16, temperature: 0.9, topP: 0.95, topK: 200, seed });
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
    expect(await collect({ maxTokens: 16, temperature: 0.9, topK: 1, seed: 4 })).toEqual(
      await collect({ maxTokens: 16 }),
    );
  });

  it('ends at an end token, which has no text', async () => {
    const free = await collect({ maxTokens: 8 });
    const [third] = free.slice(2);
    const first = free.findIndex(({ id }) => id === third.id);
    const ended = await collect({ maxTokens: 8, endTokens: [1023, third.id] });
    expect(ended).toHaveLength(first + 1);
    expect(ended.at(-1)).toEqual({ id: third.id, text: '', end: 'end-token' });
    expect(textOf(ended)).toBe(textOf(free.slice(0, first)));
  });

  it('takes end tokens from generation_config.json, else from config.json', async () => {
    const [first] = await collect({ maxTokens: 1 });
    const json = (value: unknown): Model => ({
      ...model,
      assets: new Map([
        ...model.assets,
        ['generation_config.json', bytesOf(new TextEncoder().encode(JSON.stringify(value)), 'gc.json')],
      ]),
    });
    expect(await collect({ maxTokens: 3 }, json({ eos_token_id: [7, first.id] }))).toHaveLength(1);
    expect(await collect({ maxTokens: 3 }, json({ eos_token_id: null }))).toHaveLength(3);
    const assets = new Map(model.assets);
    assets.delete('generation_config.json');
    const config = { ...model.config, eos_token_id: first.id };
    expect(await collect({ maxTokens: 3 }, { ...model, assets, config })).toHaveLength(1);
    expect(await collect({ maxTokens: 3 }, { ...json({}), config })).toHaveLength(1);
    await expect(collect({}, json({ eos_token_id: 'x' }))).rejects.toThrow('gc.json: eos_token_id is "x"');
  });

  it('ends before a stop text, and does not give what only begins like one', async () => {
    const free = textOf(await collect({ maxTokens: 24 }));
    const at = Math.floor(free.length / 2);
    const stop = free.slice(at, at + 5);
    const tokens = await collect({ maxTokens: 24, stop: ['never this', stop] });
    expect(textOf(tokens)).toBe(free.slice(0, free.indexOf(stop)));
    expect(tokens.at(-1)?.end).toBe('stop');
    const began = await collect({ maxTokens: 24, stop: `${free.slice(-4)}…` });
    expect(textOf(began)).toBe(free);
    expect(began.at(-1)?.end).toBe('max-tokens');
  });

  it('fills the context and no more', async () => {
    const small = { ...model, config: { ...model.config, max_position_embeddings: 9 } };
    const prompt = [1, 2, 3, 4];
    const tokens = await collect({ prompt, maxTokens: 50, endTokens: [] }, small);
    expect(tokens).toHaveLength(5);
    expect(tokens.at(-1)?.end).toBe('context');
    const exact = await collect({ prompt, maxTokens: 5, endTokens: [] }, small);
    expect(exact.at(-1)?.end).toBe('max-tokens');
    expect(() => generate(small, { prompt: [1, 2, 3, 4, 5, 6, 7, 8, 9] })).toThrow(
      "the prompt has 9 tokens, and the model's context of 9 must hold one more. Shorten the prompt.",
    );
  });
});

describe('what cannot be generated', () => {
  it.each<[Partial<GenerateOptions>, string]>([
    [{ prompt: '' }, 'the prompt is empty'],
    [{ prompt: [] }, 'the prompt is empty'],
    [{ prompt: [3, 1024] }, "token 1024 of the prompt is outside the model's vocabulary of 1024"],
    [{ prompt: [0.5] }, 'token 0.5 of the prompt'],
    [{ maxTokens: 0 }, 'maxTokens is 0'],
    [{ maxTokens: 1.5 }, 'maxTokens is 1.5'],
    [{ endTokens: [-1] }, 'the end token -1'],
    [{ temperature: -0.1 }, 'temperature is -0.1'],
    [{ topP: 2 }, 'topP is 2'],
    [{ seed: 0.5 }, 'seed is 0.5'],
    [{ stop: '' }, 'a stop text is empty'],
  ])('%j is refused before any work', (options, message) => {
    const { tokenizer } = world;
    expect(() => generate(model, { prompt: 'x', tokenizer, ...options })).toThrow(message);
  });

  it('text without a tokenizer', () => {
    expect(() => generate(model, { prompt: 'x' })).toThrow('a prompt that is text needs a tokenizer');
    expect(() => generate(model, { prompt: [1], stop: 'x' })).toThrow('a stop text needs a tokenizer');
  });

  it('a chunk that is none', () => {
    expect(() => createGenerator(model, { promptChunk: 0 })).toThrow('promptChunk is 0');
  });

  it('a model that is no decoder', () => {
    expect(() => generate(createMlp({ widths: [4, 2] }), { prompt: [1] })).toThrow(
      'no text can be generated',
    );
  });

  it('NaN in a weight: the error names the layer where it begins', async () => {
    const name = 'model.layers.2.mlp.up_proj.weight';
    const parameter = model.parameters.get(name);
    const values = new Float32Array(512 * 192);
    values[1000] = Number.NaN;
    const parameters = new Map(model.parameters);
    parameters.set(name, { name, shape: parameter?.shape ?? [], storage: denseStorage(values) });
    await expect(collect({ maxTokens: 3 }, { ...model, parameters })).rejects.toThrow(
      "model.layers.2.mlp.up_proj: the model's logits are not finite.",
    );
  });
});

describe('a generation that is abandoned frees everything', () => {
  const options = { prompt: [5, 6, 7], maxTokens: 50, endTokens: [] };

  it('by break', async () => {
    let count = 0;
    for await (const _ of generate(model, options)) if (++count === 3) break;
    expect(count).toBe(3);
  });

  it('by an error of the caller', async () => {
    const loop = async (): Promise<void> => {
      for await (const _ of generate(model, options)) throw new Error('enough');
    };
    await expect(loop()).rejects.toThrow('enough');
  });

  it('by return before the first token, or without any', async () => {
    await generate(model, options).return();
    const steps = generate(model, options);
    await steps.next();
    await steps.return();
    expect(await steps.next()).toEqual({ done: true, value: undefined });
    generate(model, options);
  });

  it('by an abort: between tokens, within one, before the first', async () => {
    const controller = new AbortController();
    const steps = generate(model, { ...options, signal: controller.signal });
    await steps.next();
    const within = steps.next();
    controller.abort(new Error('changed my mind'));
    await expect(within).rejects.toThrow('changed my mind');

    const between = new AbortController();
    const loop = async (): Promise<void> => {
      for await (const _ of generate(model, { ...options, signal: between.signal })) between.abort();
    };
    await expect(loop()).rejects.toThrow('aborted');
    await expect(collect({ signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  });

  it('by an abort from outside, while tokens come without a pause', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 60);
    const loop = async (): Promise<void> => {
      const endless = { ...model, config: { ...model.config, max_position_embeddings: 1e6 } };
      const many = { ...options, maxTokens: 1e5, signal: controller.signal };
      for await (const _ of generate(endless, many));
    };
    await expect(loop()).rejects.toThrow('aborted');
  });

  it('by a change of the backend', async () => {
    const loop = async (): Promise<void> => {
      for await (const _ of generate(model, options)) await tf.setBackend('cpu');
    };
    await expect(loop()).rejects.toThrow('the tfjs backend changed from tamp-cpu to cpu during a generation');
    await tf.setBackend('tamp-cpu');
  });
});

describe('memory', () => {
  it('two generations at a time from one model do not disturb each other', async () => {
    const generator = createGenerator(model);
    const { tokenizer } = world;
    const run = async (prompt: string): Promise<string> => {
      let text = '';
      for await (const token of generator.generate({ prompt, tokenizer, maxTokens: 20 })) text += token.text;
      return text;
    };
    const alone = [await run('import numpy as'), await run('class Node:')];
    expect(await Promise.all([run('import numpy as'), run('class Node:')])).toEqual(alone);
    generator.dispose();
  });

  it.each(forms)('%s: 100 tokens add nothing but their keys and values', async (form) => {
    const { model: packed, close } = await world.open(form);
    const backend = tf.backend() as TampCpuBackend;
    const generator = createGenerator(packed);
    const [layers, width] = [4, 2 * 32];
    const figures: { tensors: number; bytes: number; blocks: number }[] = [];
    const prompt = [5, 6, 7];
    for await (const _ of generator.generate({ prompt, maxTokens: 101, endTokens: [] })) {
      const { numTensors: tensors, numBytes: bytes } = tf.memory();
      figures.push({ tensors, bytes, blocks: backend.runtime.heap.blocks });
    }
    const [first] = figures;
    for (const [step, { tensors, bytes, blocks }] of figures.entries()) {
      expect(tensors).toBe(first.tensors);
      expect(bytes - first.bytes).toBe(step * layers * 2 * width * 4);
      expect(blocks).toBe(first.blocks);
    }
    expect(figures).toHaveLength(101);
    generator.dispose();
    await close();
  });
});
