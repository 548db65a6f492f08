import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Model } from '@tamp/core';
import { quantizeLinearLayers } from '@tamp/int8-linear';
import { loadTokenizer } from '@tamp/models';
import { openModelFolder } from '@tamp/models/node';
import { cutWindows, measurePerplexity } from '@tamp/recipe';
import { quantizeWeights } from '@tamp/weight-only';
import type { ModelCase } from '../cases.js';
import type { Prepared } from '../prepared.js';

const example = new URL('../../../examples/tiny-llama/', import.meta.url);

/** The example model in a scheme: `w4a16`, `w8a8`, or as it is. */
export async function compressed(model: Model, variant: string): Promise<Model> {
  const ignore = ['lm_head'];
  if (variant === 'w4a16') {
    const weights = { bits: 4, groupSize: 64, symmetric: true };
    return (await quantizeWeights(model, { ignore, weights })).model;
  }
  return variant === 'w8a8' ? (await quantizeLinearLayers(model, { ignore })).model : model;
}

/** The perplexity of the example model on the first windows of its text, on the current tfjs backend. */
export async function prepareTinyLlama({ windows: count }: ModelCase, variant: string): Promise<Prepared> {
  const { model: original, close } = await openModelFolder(fileURLToPath(new URL('model', example)));
  const tokenizer = await loadTokenizer(original);
  const ids = tokenizer.encode(readFileSync(new URL('eval.txt', example), 'utf8'));
  const windows = cutWindows(ids, { sequenceLength: 256, count, file: 'eval.txt' });
  const model = await compressed(original, variant);
  return {
    step: async () => Float32Array.of((await measurePerplexity(model, windows)).perplexity),
    release: close,
  };
}
