import { type ByteSource, bytesOf, type Model } from '@tamp/core';
import { fixturePath } from '@tamp/fixtures';
import { describe, expect, it } from 'vitest';
import { createMlp, loadTokenizer } from '../src/index.js';
import { openModelFolder } from '../src/node.js';

function modelWith(files: Readonly<Record<string, unknown>>): Model {
  const assets = new Map<string, ByteSource>(
    Object.entries(files).map(([name, content]) => {
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      return [name, bytesOf(new TextEncoder().encode(text), name)];
    }),
  );
  return { ...createMlp({ widths: [1, 1] }), assets };
}

const bytePairs = {
  added_tokens: [{ id: 3, content: '<s>', special: true, normalized: false, single_word: false }],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [3], tokens: ['<s>'] } },
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2, Ġ: 4 }, merges: ['a b'] },
};

describe('loadTokenizer', () => {
  it('adds nothing at the beginning, also where the tokenizer would', async () => {
    const tokenizer = await loadTokenizer(modelWith({ 'tokenizer.json': bytePairs }));
    expect(tokenizer.encode('abb')).toEqual(Int32Array.of(2, 1));
    expect(tokenizer.encode('')).toEqual(new Int32Array(0));
    expect(tokenizer.encode('a<s>b')).toEqual(Int32Array.of(0, 3, 1));
    expect(tokenizer.vocabularySize).toBe(5);
  });

  it('decodes without tidying spaces unless the tokenizer asks for it', async () => {
    const tokenizer = await loadTokenizer(modelWith({ 'tokenizer.json': bytePairs }));
    expect(tokenizer.decode([2, 4, 1, 3])).toBe('ab b<s>');
    expect(tokenizer.decode(Int32Array.of())).toBe('');
    expect(() => tokenizer.decode([0, 99])).toThrow('there is no token 99');
  });

  it('keeps the spaces of code', async () => {
    const { model, close } = await openModelFolder(fixturePath('tiny-llama'));
    const tokenizer = await loadTokenizer(model);
    // Tidying would take out the spaces before punctuation and within contractions.
    const text = "def f ( x ) :\n\treturn x ! = 'it 's' , \u{1f600} ünïcode\n";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    await close();
  });

  it('leaves out what a byte-pair vocabulary without an unknown token lacks, as transformers does', async () => {
    const tokenizer = await loadTokenizer(modelWith({ 'tokenizer.json': bytePairs }));
    expect(tokenizer.encode('azb')).toEqual(Int32Array.of(0, 1));
  });

  it('says so when a text needs an unknown token that the vocabulary lacks', async () => {
    const wordPiece = {
      type: 'WordPiece',
      vocab: { a: 0 },
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
    };
    const definition = { ...bytePairs, post_processor: null, decoder: null, model: wordPiece };
    const tokenizer = await loadTokenizer(modelWith({ 'tokenizer.json': definition }));
    expect(tokenizer.encode('a')).toEqual(Int32Array.of(0));
    expect(() => tokenizer.encode('az')).toThrow(
      expect.objectContaining({ name: 'TampError', code: 'data' }),
    );
  });

  it('says what to do when the model has no tokenizer', async () => {
    await expect(loadTokenizer(modelWith({}))).rejects.toThrow(
      "the model has no tokenizer.json. Put tokenizer.json into the model's folder",
    );
  });

  it.each([
    ['no JSON', '{', 'format', 'is not JSON'],
    ['no vocabulary', { ...bytePairs, model: { type: 'BPE' } }, 'format', 'model.vocab'],
    [
      'an endless id',
      { ...bytePairs, model: { type: 'BPE', vocab: { a: 4e9 }, merges: [] } },
      'format',
      'vocab',
    ],
    ['an unknown part', { ...bytePairs, decoder: { type: 'Telepathy' } }, 'unsupported', 'Telepathy'],
  ])('refuses a tokenizer with %s', async (_, definition, code, problem) => {
    const loading = loadTokenizer(modelWith({ 'tokenizer.json': definition }));
    await expect(loading).rejects.toMatchObject({ name: 'TampError', code });
    await expect(loading).rejects.toThrow(problem);
  });
});
