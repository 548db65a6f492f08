import { type ByteSource, bytesOf, type Model, Random } from '@tamp/core';
import { fixturePath } from '@tamp/fixtures';
import { createMlp, loadTokenizer } from '@tamp/models';
import { openModelFolder } from '@tamp/models/node';
import { describe, expect, it } from 'vitest';
import { createStreamingText } from '../src/index.js';
import { watchForStops } from '../src/text/stop-texts.js';

/** A tokenizer whose token i is the byte i, as byte-level vocabularies fall back to. */
const bytes = {
  decode: (ids: ArrayLike<number>) => new TextDecoder().decode(Uint8Array.from(ids)),
};

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The pieces that a stream gives, the last from its end. */
function pieces(stream: ReturnType<typeof createStreamingText>, ids: ArrayLike<number>): string[] {
  return [...Array.from(ids, (id) => stream.push(id)), stream.flush()];
}

describe('createStreamingText', () => {
  it('gives characters of several bytes whole', () => {
    const text = 'añ€😀z\u0301 日本';
    const given = pieces(createStreamingText(bytes, []), encoded(text));
    expect(given.join('')).toBe(text);
    for (const piece of given) expect(piece).not.toContain('\uFFFD');
    expect(given.slice(0, 4)).toEqual(['a', '', 'ñ', '']);
  });

  it('does not wait for ever on bytes that are no character, and keeps what follows', () => {
    const ids = [0xe2, 0x82, 0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0x42, 0xf0, 0x9f];
    const given = pieces(createStreamingText(bytes, []), ids);
    expect(given.join('')).toBe(bytes.decode(ids));
    expect(given[2]).toBe('\uFFFDA');
    expect(given.slice(0, -1).join('')).not.toMatch(/B\uFFFD/);
  });

  it('gives U+FFFD itself, which is a character like any other', () => {
    const ids = encoded('x\uFFFDy\uFFFD');
    expect(pieces(createStreamingText(bytes, []), ids).join('')).toBe('x\uFFFDy\uFFFD');
  });

  it('joined, is the text of all tokens at once, wherever the prompt ends', async () => {
    const { model, close } = await openModelFolder(fixturePath('tiny-llama'));
    const tokenizer = await loadTokenizer(model);
    const random = new Random(3);
    for (let round = 0; round < 50; round++) {
      const text = Array.from({ length: 30 }, () =>
        String.fromCodePoint(
          random.integer(8) === 0 ? random.integer(0x2fff) + 0x100 : 32 + random.integer(95),
        ),
      ).join('');
      const ids = tokenizer.encode(text);
      const cut = random.integer(ids.length);
      const prompt = ids.subarray(0, cut);
      if (tokenizer.decode(prompt).endsWith('\uFFFD')) continue;
      const given = pieces(createStreamingText(tokenizer, prompt), ids.subarray(cut)).join('');
      expect(tokenizer.decode(prompt) + given).toBe(text);
    }
    await close();
  });

  it('keeps the space before a word where the tokenizer drops it at the beginning of a text', async () => {
    const definition = {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' },
      post_processor: null,
      decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
      model: { type: 'BPE', vocab: { '▁': 0, a: 1, '▁a': 2, b: 3 }, merges: ['▁ a'] },
    };
    const source: ByteSource = bytesOf(encoded(JSON.stringify(definition)), 'tokenizer.json');
    const model: Model = { ...createMlp({ widths: [1, 1] }), assets: new Map([['tokenizer.json', source]]) };
    const tokenizer = await loadTokenizer(model);
    expect(tokenizer.decode([2, 2])).toBe('a a');
    expect(pieces(createStreamingText(tokenizer, [2, 3]), [2, 2, 3]).join('')).toBe(' a ab');
  });
});

describe('watchForStops', () => {
  const through = (stops: string[], parts: string[]): { text: string; stopped: boolean; parts: string[] } => {
    const watch = watchForStops(stops);
    const given: string[] = [];
    for (const part of parts) {
      const { text, stopped } = watch.push(part);
      given.push(text);
      if (stopped) return { text: given.join(''), stopped, parts: given };
    }
    return { text: given.join('') + watch.flush(), stopped: false, parts: given };
  };

  it('ends before a stop text that comes in pieces', () => {
    const result = through(['\n\n'], ['one\n', 'two', '\n', '\n', 'three']);
    expect(result).toEqual({ text: 'one\ntwo', stopped: true, parts: ['one', '\ntwo', '', ''] });
  });

  it('gives back what only began like a stop text', () => {
    expect(through(['</s>'], ['a<', '/s', 'b<'])).toEqual({
      text: 'a</sb<',
      stopped: false,
      parts: ['a', '', '</sb'],
    });
  });

  it('takes the one that comes first, and holds back for each', () => {
    expect(through(['END', 'ND', 'abab'], ['xENDy']).text).toBe('x');
    expect(through(['abab'], ['aab', 'abx']).text).toBe('a');
    expect(through([], ['a', 'b'])).toEqual({ text: 'ab', stopped: false, parts: ['a', 'b'] });
  });
});
