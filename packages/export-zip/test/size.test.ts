import { type DenseDtype, memorySink } from '@tamp/core';
import { describe, expect, it } from 'vitest';
import { writeArchive } from '../src/index.js';
import { quantizedLlama } from './models/quantized-llama.js';

describe('size of tiny-llama at 4 bits in groups of 64, tokenizer and configuration included', () => {
  // The limit is the product's promise; float32 scales cost more, and have to fit as well.
  it.each<DenseDtype>(['float16', 'bfloat16', 'float32'])(
    'is at most 1.15 MB with %s scales',
    async (scales) => {
      const model = quantizedLlama(scales);
      const sink = memorySink();
      const { bytes } = await writeArchive(model, async () => sink);
      expect(sink.bytes().length).toBe(bytes);
      expect(bytes).toBeLessThanOrEqual(1_150_000);
    },
  );
});
