import { createModelRunner, type Model, TampError } from '@tamp/core';
import { loadTokenizer, type Tokenizer } from '@tamp/models';
import { cutWindows, measurePerplexity } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';
import type { CallContext } from '../call-context.js';
import { openModelFiles } from '../host/open-model-files.js';
import type { ModelFiles } from '../model-files.js';

/** Windows done, of how many. */
export interface ProbeProgress {
  readonly done: number;
  readonly total: number;
}

/** What to ask a model. */
export interface ProbeRequest {
  readonly model: ModelFiles;
  /** Text that perplexity is measured on. */
  readonly text: Blob;
  /** Windows of it. */
  readonly windows: number;
  /** Tokens of a window, at most; fewer where the model's context is shorter. */
  readonly sequenceLength: number;
  readonly prompt: string;
  /** How many of the likeliest next tokens to give. */
  readonly top: number;
}

/** A token that may come next. */
export interface NextToken {
  readonly text: string;
  readonly probability: number;
}

/** A model's answers. */
export interface Probe {
  readonly perplexity: number;
  readonly windows: number;
  readonly sequenceLength: number;
  /** Of measuring the perplexity. */
  readonly seconds: number;
  /** The likeliest tokens after the prompt, the likeliest first. */
  readonly next: readonly NextToken[];
  /** The model's outputs for every token of the prompt, row after row. */
  readonly logits: Float32Array;
}

/** Index and probability of the largest logits. */
function likeliest(logits: Float32Array, count: number): { id: number; probability: number }[] {
  const largest = logits.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return Array.from(logits, (value, id) => ({ id, probability: Math.exp(value - largest) / sum }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}

async function logitsOf(model: Model, ids: Int32Array, signal: AbortSignal): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const input = tf.tensor2d(ids, [1, ids.length], 'int32');
  try {
    const { logits } = await runner.run({ input_ids: input }, { outputs: ['logits'], signal });
    try {
      // A backend may give a view of memory that it uses again.
      return (await logits.data<'float32'>()).slice();
    } finally {
      logits.dispose();
    }
  } finally {
    input.dispose();
    runner.dispose();
  }
}

function contextOf(model: Model): number {
  const length = model.config.max_position_embeddings;
  return typeof length === 'number' ? length : Number.POSITIVE_INFINITY;
}

function promptTokens(tokenizer: Tokenizer, prompt: string, context: number): Int32Array {
  const ids = tokenizer.encode(prompt);
  if (ids.length === 0) {
    throw new TampError('the prompt is empty', { code: 'usage', remedy: 'Type a few words.' });
  }
  if (ids.length <= context) return ids;
  throw new TampError(`the prompt has ${ids.length} tokens, and the model reads ${context}`, {
    code: 'usage',
    remedy: 'Shorten it.',
  });
}

/** Measures a model on a text and lets it answer a prompt, on the current backend. Frees every tensor. */
export async function probeModel(
  request: ProbeRequest,
  { signal, emit }: CallContext<ProbeProgress>,
): Promise<Probe> {
  const model = await openModelFiles(request.model);
  const tokenizer = await loadTokenizer(model);
  const ids = promptTokens(tokenizer, request.prompt, contextOf(model));
  const sequenceLength = Math.min(request.sequenceLength, contextOf(model));
  const text = tokenizer.encode(await request.text.text());
  const windows = cutWindows(text, { sequenceLength, atMost: request.windows, file: 'the text' });
  const started = performance.now();
  const { perplexity } = await measurePerplexity(model, windows, {
    signal,
    // One at a time: slow adapters then say where they are, and can be stopped.
    batch: 1,
    onProgress: (done, total) => emit({ done, total }),
  });
  const seconds = (performance.now() - started) / 1000;
  const logits = await logitsOf(model, ids, signal);
  const last = logits.subarray(logits.length - logits.length / ids.length);
  const next = likeliest(last, request.top).map(({ id, probability }) => ({
    text: tokenizer.decode([id]),
    probability,
  }));
  return { perplexity, windows: windows.count, sequenceLength, seconds, next, logits };
}
