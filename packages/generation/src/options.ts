import { TampError } from '@tamp/core';
import type { TextTokenizer } from './text/text-tokenizer.js';

/** How the next token is chosen from the logits. */
export interface SamplingOptions {
  /** Divides the logits before a token is drawn; 0, the default, takes the most likely token. */
  readonly temperature?: number;
  /** Draws among so many of the most likely tokens. */
  readonly topK?: number;
  /** Draws among the fewest most likely tokens whose probabilities reach this sum, more than 0 and at most 1. */
  readonly topP?: number;
  /** Decides every draw: the same seed and the same logits give the same tokens. Default 0. */
  readonly seed?: number;
}

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** Text, which needs a tokenizer, or token ids. */
  readonly prompt: string | ArrayLike<number>;
  /** Encodes the prompt and decodes the tokens; without one tokens have no text. */
  readonly tokenizer?: TextTokenizer;
  /** Most tokens to generate. Default 128; never more than the model's context has room for. */
  readonly maxTokens?: number;
  /** Texts that end the answer; they are not part of it. They need a tokenizer. */
  readonly stop?: string | readonly string[];
  /** Tokens that end the answer. Default: `eos_token_id` of the model's `generation_config.json` or `config.json`. */
  readonly endTokens?: readonly number[];
  /** Ends the generation between two layers: the iterator rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told how many tokens of the prompt have been read. */
  readonly onPrompt?: (done: number, total: number) => void;
}

/**
 * Why a generation ended: the model gave an end token; a stop text was complete; there are as many tokens as were asked
 * for; the model's context is full.
 */
export type EndReason = 'end-token' | 'stop' | 'max-tokens' | 'context';

function fail(problem: string, remedy: string): never {
  throw new TampError(problem, { code: 'usage', remedy });
}

/** Throws a `TampError` (`usage`) that names the first option which makes no sense. */
export function checkSampling({ temperature, topK, topP, seed }: SamplingOptions): void {
  if (temperature !== undefined && !(temperature >= 0 && Number.isFinite(temperature))) {
    fail(`temperature is ${temperature}`, 'Give a number of at least 0; 0 takes the most likely token.');
  }
  if (topK !== undefined && !(Number.isSafeInteger(topK) && topK >= 1)) {
    fail(`topK is ${topK}`, 'Give a whole number of at least 1, or leave it out.');
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    fail(`topP is ${topP}`, 'Give a number above 0 and at most 1, or leave it out.');
  }
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    fail(`seed is ${seed}`, 'Give a whole number from 0 to 2^53 - 1.');
  }
}

/** The stop texts as a list. */
export function stopTexts({ stop }: Pick<GenerateOptions, 'stop'>): readonly string[] {
  return stop === undefined ? [] : typeof stop === 'string' ? [stop] : stop;
}

/** Throws a `TampError` (`usage`) that names the first option which makes no sense, whatever the model. */
export function checkOptions(options: GenerateOptions): void {
  checkSampling(options);
  const { maxTokens, endTokens, tokenizer, prompt } = options;
  if (maxTokens !== undefined && !(Number.isSafeInteger(maxTokens) && maxTokens >= 1)) {
    fail(`maxTokens is ${maxTokens}`, 'Give a whole number of at least 1.');
  }
  const badEnd = endTokens?.find((id) => !Number.isSafeInteger(id) || id < 0);
  if (badEnd !== undefined) fail(`the end token ${badEnd} is no token id`, 'Give ids of the vocabulary.');
  const stops = stopTexts(options);
  if (stops.includes('')) fail('a stop text is empty', 'Leave it out: every text ends with it.');
  if (tokenizer === undefined && (stops.length > 0 || typeof prompt === 'string')) {
    fail(
      `${typeof prompt === 'string' ? 'a prompt that is text' : 'a stop text'} needs a tokenizer`,
      'Pass one as tokenizer: loadTokenizer(model) of @tamp/models gives that of a model.',
    );
  }
}
