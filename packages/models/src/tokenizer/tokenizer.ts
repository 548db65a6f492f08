import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { type ByteSource, type Model, readAll, TampError } from '@tamp/core';
import { z } from 'zod';

/** Turns text into token ids and back. */
export interface Tokenizer {
  /**
   * The ids of a text. Nothing is added at its beginning or end, unless `addSpecialTokens` asks for the tokens that the
   * model expects there (a beginning of text, as a rule); a special token that the text spells out is one
   * token, as in transformers. Throws a `TampError` (`data`) for text that needs an
   * unknown token where the vocabulary has none.
   */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Int32Array;
  /** The text of ids, special tokens included. Throws a `TampError` (`usage`) for an id that does not exist. */
  decode(ids: ArrayLike<number>): string;
  /** One more than the largest id. */
  readonly vocabularySize: number;
}

/** The largest there are have about 35 MB. */
const maxTokenizerBytes = 128 * 2 ** 20;
const maxTokens = 2 ** 24;

const id = z.number().int().min(0).max(maxTokens);
const vocabulary = z.union([
  z.record(z.string(), id),
  z.array(z.tuple([z.string(), z.number()])).max(maxTokens),
]);
const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab: vocabulary }),
  added_tokens: z.array(z.looseObject({ id, content: z.string() })).nullish(),
});
const settingsSchema = z.looseObject({ clean_up_tokenization_spaces: z.boolean().nullish() });

function defective(file: string, problem: string, cause?: unknown): TampError {
  return new TampError(problem, {
    code: 'format',
    at: { file },
    remedy: 'Fetch the file again from where the model came from.',
    cause,
  });
}

async function readJson<T>(source: ByteSource, schema: z.ZodType<T>): Promise<T> {
  const file = source.label;
  if (source.byteLength > maxTokenizerBytes) {
    throw defective(file, `has ${source.byteLength} bytes, more than the ${maxTokenizerBytes} allowed`);
  }
  const bytes = await readAll(source);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw defective(file, 'is not JSON', cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw defective(file, `${issue.path.map(String).join('.')}: ${issue.message}`);
}

function largestId(definition: z.infer<typeof tokenizerSchema>): number {
  const { vocab } = definition.model;
  let largest = Array.isArray(vocab) ? vocab.length - 1 : -1;
  if (!Array.isArray(vocab)) for (const token in vocab) largest = Math.max(largest, vocab[token]);
  for (const token of definition.added_tokens ?? []) largest = Math.max(largest, token.id);
  return largest;
}

/**
 * The tokenizer that travels with a model: its assets `tokenizer.json` and, if there is one, `tokenizer_config.json`.
 * Rejects with a `TampError`: `usage` when the model has none, `format` when a file is damaged, `unsupported` when it
 * needs something the tokenizer library lacks.
 */
export async function loadTokenizer(model: Model): Promise<Tokenizer> {
  const source = model.assets.get('tokenizer.json');
  if (source === undefined) {
    throw new TampError('the model has no tokenizer.json', {
      code: 'usage',
      remedy:
        "Put tokenizer.json into the model's folder: transformers writes it with tokenizer.save_pretrained().",
    });
  }
  const definition = await readJson(source, tokenizerSchema);
  const settingsSource = model.assets.get('tokenizer_config.json');
  const settings = settingsSource === undefined ? {} : await readJson(settingsSource, settingsSchema);
  const cleanUp = settings.clean_up_tokenization_spaces ?? false;

  let tokenizer: HuggingFaceTokenizer;
  try {
    tokenizer = new HuggingFaceTokenizer(
      { ...definition, added_tokens: definition.added_tokens ?? [] },
      settings,
    );
  } catch (cause) {
    throw new TampError(
      `this tokenizer cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: 'unsupported',
        at: { file: source.label },
        remedy: 'Use a model with another tokenizer.',
        cause,
      },
    );
  }

  return {
    vocabularySize: largestId(definition) + 1,
    encode(text, { addSpecialTokens = false } = {}) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: addSpecialTokens });
      return Int32Array.from(ids, (token: number | undefined, i) => {
        if (token !== undefined) return token;
        throw new TampError(`the vocabulary has nothing for token ${i} of the text`, {
          code: 'data',
          at: { file: source.label },
          remedy: 'Remove characters that the model does not know.',
        });
      });
    },
    decode(ids) {
      if (ids.length === 0) return '';
      const list = Array.from(ids);
      const unknown = list.find((token) => tokenizer.id_to_token(token) === undefined);
      if (unknown !== undefined) {
        throw new TampError(`there is no token ${unknown}`, { code: 'usage', at: { file: source.label } });
      }
      return tokenizer.decode(list, { clean_up_tokenization_spaces: cleanUp });
    },
  };
}
