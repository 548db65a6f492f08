/** Turns text into token ids and back; the tokenizer of `@tamp/models` is one. */
export interface TextTokenizer {
  /** The ids of a text, with the special tokens that the model expects around it where `addSpecialTokens` is true. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): ArrayLike<number>;
  /** The text of ids; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>): string;
  /** One more than the largest id. Models may have further ones that stand for nothing. */
  readonly vocabularySize: number;
}
