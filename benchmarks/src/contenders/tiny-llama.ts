import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Model } from '@tamp/core';
import { exportArchive, openArchiveFile } from '@tamp/export-zip/node';
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

/** What a variant's name ends in when each run opens the model from an archive. */
const fromArchive = ' from an archive';

/**
 * The perplexity of the example model on the first windows of its text, on the current tfjs backend. From an archive, a
 * run opens, checks, unpacks and closes it too.
 */
export async function prepareTinyLlama({ windows: count }: ModelCase, variant: string): Promise<Prepared> {
  const { model: original, close } = await openModelFolder(fileURLToPath(new URL('model', example)));
  const tokenizer = await loadTokenizer(original);
  const ids = tokenizer.encode(readFileSync(new URL('eval.txt', example), 'utf8'));
  const windows = cutWindows(ids, { sequenceLength: 256, count, file: 'eval.txt' });
  const perplexity = async (model: Model): Promise<Float32Array> =>
    Float32Array.of((await measurePerplexity(model, windows)).perplexity);
  const model = await compressed(original, variant.replace(fromArchive, ''));
  if (!variant.endsWith(fromArchive)) return { step: () => perplexity(model), release: close };
  const folder = mkdtempSync(join(tmpdir(), 'tamp-bench-'));
  const path = join(folder, 'model.tamp.zip');
  await exportArchive(model, path);
  await close();
  return {
    async step() {
      const archive = await openArchiveFile(path);
      try {
        return await perplexity(archive.model);
      } finally {
        await archive.close();
      }
    },
    release: () => rmSync(folder, { recursive: true, force: true }),
  };
}
