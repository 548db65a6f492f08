import { createModelRunner, type Model, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { type CachedGraph, cachedGraph } from '../graph/cached-graph.js';
import { firstNotFinite } from './first-not-finite.js';

/** Options of {@link Decoding.read}. */
export interface DecodingOptions {
  readonly signal?: AbortSignal;
}

/** One sequence on its way through a model: what was read stays in a cache of keys and values. */
export interface Decoding {
  /** Tokens read so far. */
  readonly length: number;
  /**
   * Reads further tokens, one at least, and gives the logits [vocabulary] of what follows them. Rejects with a
   * `TampError`: `usage` for a token outside of the vocabulary, `data` when a logit is not finite (naming the layer where
   * that began); after a rejection the tokens count as not read.
   */
  read(tokens: ArrayLike<number>, options?: DecodingOptions): Promise<Float32Array>;
  /** As {@link read} without computing logits. */
  skip(tokens: ArrayLike<number>, options?: DecodingOptions): Promise<void>;
  /** Frees the cache. */
  dispose(): void;
}

/** A model that reads a sequence piece by piece. Its weights are loaded at their first use and stay. */
export interface CachedDecoder {
  readonly vocabulary: number;
  /** An empty sequence. Several may be on their way at a time. */
  start(): Decoding;
  /** Frees the weights; the decoder can be used again. Sequences on their way are their callers' to dispose of. */
  dispose(): void;
}

/**
 * Prepares a causal language model for reading piece by piece, float or quantized. Throws a `TampError` (`unsupported`)
 * for a model that is no causal decoder. Computes on the tfjs backend that is current at each call; weights and caches
 * belong to it.
 */
export function createCachedDecoder(model: Model): CachedDecoder {
  const cached = cachedGraph(model.graph);
  const runner = createModelRunner({ ...model, graph: cached.graph });
  return {
    vocabulary: cached.vocabulary,
    start: () => createDecoding(cached, runner),
    dispose: () => runner.dispose(),
  };
}

function createDecoding(
  { tokens: tokensName, logits: logitsName, vocabulary, slots }: CachedGraph,
  runner: ReturnType<typeof createModelRunner>,
): Decoding {
  const presents = slots.map(({ present }) => present);
  /** Tensors by the names under which the next run is fed. */
  let cache = new Map(slots.map(({ past, width }) => [past, tf.zeros([1, 0, width])]));
  let length = 0;

  const inputsFor = (ids: tf.Tensor): Record<string, tf.Tensor> => ({
    [tokensName]: ids,
    ...Object.fromEntries(cache),
  });

  const run = async (
    tokens: ArrayLike<number>,
    { signal }: DecodingOptions,
    withLogits: boolean,
  ): Promise<Float32Array | undefined> => {
    checkTokens(tokens, vocabulary);
    const ids = tf.tensor2d(Int32Array.from(tokens), [1, tokens.length], 'int32');
    try {
      const results = await runner.run(inputsFor(ids), {
        outputs: withLogits ? [...presents, logitsName] : presents,
        ...(signal === undefined ? {} : { signal }),
      });
      let logits: Float32Array | undefined;
      try {
        logits = withLogits ? await results[logitsName].data<'float32'>() : undefined;
        if (logits !== undefined && !allFinite(logits)) throw await notFinite(inputsFor(ids));
      } catch (error) {
        for (const present of presents) results[present].dispose();
        throw error;
      } finally {
        if (withLogits) results[logitsName].dispose();
      }
      for (const past of cache.values()) past.dispose();
      cache = new Map(slots.map(({ past, present }) => [past, results[present]]));
      length += tokens.length;
      return logits;
    } finally {
      ids.dispose();
    }
  };

  const notFinite = async (inputs: Record<string, tf.Tensor>): Promise<TampError> => {
    const layer = await firstNotFinite(runner, inputs);
    return new TampError("the model's logits are not finite", {
      code: 'data',
      ...(layer === undefined ? {} : { at: { layer } }),
      remedy:
        'Weights hold NaN or infinity, or they overflow here: check the model and what last changed it.',
    });
  };

  return {
    get length() {
      return length;
    },
    async read(tokens, options = {}) {
      const logits = await run(tokens, options, true);
      if (logits === undefined) throw new TampError('a run gave no logits', { code: 'internal' });
      return logits;
    },
    async skip(tokens, options = {}) {
      await run(tokens, options, false);
    },
    dispose() {
      for (const past of cache.values()) past.dispose();
      cache.clear();
    },
  };
}

function checkTokens(tokens: ArrayLike<number>, vocabulary: number): void {
  if (tokens.length === 0) {
    throw new TampError('there are no tokens to read', { code: 'usage', remedy: 'Give one at least.' });
  }
  for (let i = 0; i < tokens.length; i++) {
    if (Number.isInteger(tokens[i]) && tokens[i] >= 0 && tokens[i] < vocabulary) continue;
    throw new TampError(`token ${tokens[i]} is outside the model's vocabulary of ${vocabulary}`, {
      code: 'usage',
      remedy: 'Use the tokenizer that belongs to the model.',
    });
  }
}

function allFinite(values: Float32Array): boolean {
  // Subtraction keeps finite values at 0 and turns NaN and infinities into NaN, which sticks: no branch per value.
  let poison = 0;
  for (let i = 0; i < values.length; i++) poison += values[i] - values[i];
  return poison === 0;
}
