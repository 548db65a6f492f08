import { type EndReason, generate } from '@tamp/generation';
import { loadTokenizer } from '@tamp/models';
import type { CallContext } from '../call-context.js';
import { openModelFiles } from '../host/open-model-files.js';
import type { ModelFiles } from '../model-files.js';

/** What to continue, and how. */
export interface ContinueRequest {
  readonly model: ModelFiles;
  readonly prompt: string;
  /** Tokens to generate at most. */
  readonly maxTokens: number;
  /** 0 takes the likeliest token each time. */
  readonly temperature: number;
  /** Decides every draw. */
  readonly seed: number;
}

/** How a continuation went. */
export interface Continuation {
  readonly tokens: number;
  readonly seconds: number;
  readonly end: EndReason | null;
}

/** Continues a prompt on the current backend. Frees every tensor, also when it is aborted. */
export async function continuePrompt(
  { model: files, ...options }: ContinueRequest,
  { signal, emit }: CallContext<string>,
): Promise<Continuation> {
  const model = await openModelFiles(files);
  const tokenizer = await loadTokenizer(model);
  const started = performance.now();
  let tokens = 0;
  let end: EndReason | null = null;
  for await (const token of generate(model, { ...options, tokenizer, signal })) {
    tokens++;
    end = token.end ?? null;
    if (token.text !== '') emit(token.text);
  }
  return { tokens, seconds: (performance.now() - started) / 1000, end };
}
