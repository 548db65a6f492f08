import type { TextTokenizer } from './text-tokenizer.js';

/** Turns token after token into text. */
export interface StreamingText {
  /** The text that is certain now that this token is known; `''` while a character is incomplete. */
  push(id: number): string;
  /** What is left: an incomplete character, as U+FFFD. */
  flush(): string;
}

/** Tokens decoded again before new ones: tokenizers write a token at the beginning of a text differently. */
const contextTokens = 6;
/** A character of UTF-8 has at most 4 bytes, and a token at least one: more tokens do not make it whole. */
const mostPending = 3;

/**
 * Text of a stream of tokens that follows `context`. A token may end within a character of several bytes: what is given
 * is always whole, and joined it is the text of all tokens at once.
 */
export function createStreamingText(
  tokenizer: Pick<TextTokenizer, 'decode'>,
  context: ArrayLike<number>,
): StreamingText {
  let known = Array.from(context).slice(-contextTokens);
  let knownText = tokenizer.decode(known);
  let pending: number[] = [];

  const take = (text: string): string => {
    const fresh = text.slice(knownText.length);
    known = [...known, ...pending].slice(-contextTokens);
    knownText = tokenizer.decode(known);
    pending = [];
    return fresh;
  };
  return {
    push(id) {
      pending.push(id);
      const text = tokenizer.decode([...known, ...pending]);
      return text.endsWith('\uFFFD') && pending.length <= mostPending ? '' : take(text);
    },
    flush: () => (pending.length === 0 ? '' : take(tokenizer.decode([...known, ...pending]))),
  };
}
