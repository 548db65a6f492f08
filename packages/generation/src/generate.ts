import { type Model, nextTask, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { type CachedDecoder, createCachedDecoder, type Decoding } from './decoding/cached-decoder.js';
import { readEndTokens } from './decoding/end-tokens.js';
import { checkOptions, type EndReason, type GenerateOptions, stopTexts } from './options.js';
import { createSampler } from './sampling/sampler.js';
import { watchForStops } from './text/stop-texts.js';
import { createStreamingText } from './text/streaming-text.js';

/** One step of a generation. */
export interface GeneratedToken {
  readonly id: number;
  /**
   * Text that became certain with this token; `''` while a character or a stop text may be incomplete, for an end token,
   * and without a tokenizer. The texts of all tokens joined are the whole answer.
   */
  readonly text: string;
  /** Only of the last token: why it is the last. */
  readonly end?: EndReason;
}

/** Generates from one model many times; holds its weights. */
export interface Generator {
  /** As {@link generate} for this model. */
  generate(options: GenerateOptions): AsyncGenerator<GeneratedToken, void, undefined>;
  /** Frees the weights. */
  dispose(): void;
}

/** Options of {@link createGenerator}. */
export interface GeneratorOptions {
  /** Tokens of a prompt that go through the model at a time. Default 256. */
  readonly promptChunk?: number;
}

const defaultMaxTokens = 128;
const defaultPromptChunk = 256;
/** Milliseconds after which other tasks of the page or process get a turn. */
const turn = 30;

/** What a generation needs, checked. */
interface Request {
  readonly options: GenerateOptions;
  readonly prompt: readonly number[];
  /** Tokens to generate at most, and why no more. */
  readonly most: number;
  readonly limit: EndReason;
}

function contextOf(model: Model): number {
  const context = model.config.max_position_embeddings;
  return typeof context === 'number' && context > 0 ? context : Number.POSITIVE_INFINITY;
}

function checkRequest(model: Model, vocabulary: number, options: GenerateOptions): Request {
  checkOptions(options);
  const { prompt: given, tokenizer, maxTokens = defaultMaxTokens } = options;
  const prompt = Array.from(
    typeof given === 'string' ? (tokenizer?.encode(given, { addSpecialTokens: true }) ?? []) : given,
  );
  if (prompt.length === 0) {
    throw new TampError('the prompt is empty', {
      code: 'usage',
      remedy: 'Give some text: this model has no token that begins one.',
    });
  }
  const unknown = prompt.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
  if (unknown !== undefined) {
    throw new TampError(`token ${unknown} of the prompt is outside the model's vocabulary of ${vocabulary}`, {
      code: 'usage',
      remedy: 'Use the tokenizer that belongs to the model.',
    });
  }
  const context = contextOf(model);
  if (prompt.length >= context) {
    throw new TampError(
      `the prompt has ${prompt.length} tokens, and the model's context of ${context} must hold one more`,
      { code: 'usage', remedy: 'Shorten the prompt.' },
    );
  }
  const room = context - prompt.length;
  return {
    options,
    prompt,
    most: Math.min(maxTokens, room),
    limit: maxTokens <= room ? 'max-tokens' : 'context',
  };
}

/** Throws when the backend is no longer the one whose memory holds the weights. */
function sameBackend(): () => void {
  const backend = tf.getBackend();
  return () => {
    if (tf.getBackend() === backend) return;
    throw new TampError(
      `the tfjs backend changed from ${backend} to ${tf.getBackend()} during a generation`,
      {
        code: 'usage',
        remedy: 'Generate on one backend after the other, or each in a Worker of its own.',
      },
    );
  };
}

/** Lets other tasks run once the last turn is over. */
function turns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < turn) return;
    await nextTask();
    last = performance.now();
  };
}

/** Reads the prompt in chunks; gives the logits that follow it. */
async function readPrompt(
  decoding: Decoding,
  { prompt, options: { signal, onPrompt } }: Request,
  chunk: number,
  between: () => Promise<void>,
): Promise<Float32Array> {
  const reading = signal === undefined ? {} : { signal };
  let done = 0;
  for (; done + chunk < prompt.length; done += chunk) {
    await decoding.skip(prompt.slice(done, done + chunk), reading);
    onPrompt?.(done + chunk, prompt.length);
    await between();
  }
  const logits = await decoding.read(prompt.slice(done), reading);
  onPrompt?.(prompt.length, prompt.length);
  return logits;
}

/** Turns tokens into the text of the answer. */
function answerText({ options, prompt }: Request): {
  /** Text of a token that is part of the answer, and whether a stop text is complete. */
  push(id: number): { readonly text: string; readonly stopped: boolean };
  flush(): string;
} {
  const { tokenizer } = options;
  if (tokenizer === undefined) return { push: () => ({ text: '', stopped: false }), flush: () => '' };
  const stops = watchForStops(stopTexts(options));
  const known = (id: number): boolean => id < tokenizer.vocabularySize;
  const stream = createStreamingText(tokenizer, prompt.filter(known));
  return {
    push: (id) => stops.push(known(id) ? stream.push(id) : ''),
    flush() {
      const rest = stops.push(stream.flush());
      return rest.text + (rest.stopped ? '' : stops.flush());
    },
  };
}

async function* decode(
  model: Model,
  decoder: CachedDecoder,
  request: Request,
  chunk: number,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const { options, most, limit } = request;
  const { signal } = options;
  signal?.throwIfAborted();
  const checkBackend = sameBackend();
  const between = turns();
  const endTokens = new Set(options.endTokens ?? (await readEndTokens(model)));
  const sample = createSampler(options);
  const answer = answerText(request);
  const decoding = decoder.start();
  try {
    let logits = await readPrompt(decoding, request, chunk, between);
    for (let count = 1; ; count++) {
      const id = sample(logits);
      if (endTokens.has(id)) {
        yield { id, text: answer.flush(), end: 'end-token' };
        return;
      }
      const { text, stopped } = answer.push(id);
      if (stopped || count === most) {
        yield stopped ? { id, text, end: 'stop' } : { id, text: text + answer.flush(), end: limit };
        return;
      }
      yield { id, text };
      await between();
      signal?.throwIfAborted();
      checkBackend();
      logits = await decoding.read([id], signal === undefined ? {} : { signal });
    }
  } finally {
    decoding.dispose();
  }
}

/**
 * Prepares a causal language model, float or quantized, for generating many times: its weights are loaded once. Throws a
 * `TampError` (`unsupported`) that says why when the model is no causal decoder. Weights belong to the tfjs backend that
 * is current at the first generation.
 */
export function createGenerator(model: Model, options: GeneratorOptions = {}): Generator {
  const { promptChunk = defaultPromptChunk } = options;
  if (!Number.isSafeInteger(promptChunk) || promptChunk < 1) {
    throw new TampError(`promptChunk is ${promptChunk}`, {
      code: 'usage',
      remedy: 'Give a whole number of at least 1.',
    });
  }
  const decoder = createCachedDecoder(model);
  return {
    generate: (request) =>
      decode(model, decoder, checkRequest(model, decoder.vocabulary, request), promptChunk),
    dispose: () => decoder.dispose(),
  };
}

async function* once(
  generator: Generator,
  tokens: AsyncGenerator<GeneratedToken, void, undefined>,
): AsyncGenerator<GeneratedToken, void, undefined> {
  try {
    yield* tokens;
  } finally {
    generator.dispose();
  }
}

/**
 * Continues a prompt with a causal language model, token by token, on the current tfjs backend:
 * `for await (const { text } of generate(model, { prompt, tokenizer })) …`. Greedy unless a temperature is given. All
 * memory is freed when the loop ends, however it ends. For several generations from one model see
 * {@link createGenerator}.
 *
 * Throws a `TampError` at once: `unsupported` for a model that is no causal decoder, `usage` for an option that makes no
 * sense, an empty prompt, or one that the model's context (`max_position_embeddings`) does not hold. The iterator rejects
 * with one (`data`) when the logits are not finite, and with the signal's reason when it is aborted.
 */
export function generate(
  model: Model,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const generator = createGenerator(model);
  return once(generator, generator.generate(options));
}
