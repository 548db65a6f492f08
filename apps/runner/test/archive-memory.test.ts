import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createModelRunner,
  elementCount,
  type ModifierDefinition,
  matrixShape,
  type Parameter,
  runDataFree,
} from '@tamp/core';
import { exportArchive, openArchiveFile } from '@tamp/export-zip/node';
import { fixturePath } from '@tamp/fixtures';
import int8Linear from '@tamp/int8-linear';
import { openModelFolder } from '@tamp/models/node';
import weightOnly from '@tamp/weight-only';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Backend, startBackend } from '../src/backend.js';

/** Short, so that activations are small beside any weight. */
const sequence = 8;
let folder: string;
let backend: Backend;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-archive-memory-'));
  backend = await startBackend(1);
});
afterAll(() => {
  backend.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Bytes a parameter takes while a model runs: packed levels and float32 scales, or float32 values. */
function residentBytes({ shape, storage }: Parameter): number {
  if (storage.kind !== 'affine') return elementCount(shape) * 4;
  const { rows, columns } = matrixShape(shape);
  const { bits, granularity } = storage.scheme;
  const groups = granularity.kind === 'group' ? columns / granularity.groupSize : 1;
  return (rows * columns * bits) / 8 + rows * groups * 4;
}

async function writeQuantized<Options>(
  definition: ModifierDefinition<Options>,
  options: unknown,
  path: string,
): Promise<void> {
  const opened = await openModelFolder(fixturePath('tiny-llama'));
  try {
    const modifier = definition.create(definition.options.parse(options));
    const { model } = await runDataFree(opened.model, [{ name: definition.name, modifier }]);
    await exportArchive(model, path);
  } finally {
    await opened.close();
  }
}

it.each([
  [
    'W4A16',
    (path: string) =>
      writeQuantized(weightOnly, { ignore: ['lm_head'], weights: { bits: 4, groupSize: 64 } }, path),
  ],
  ['W8A8', (path: string) => writeQuantized(int8Linear, { ignore: ['lm_head'] }, path)],
])('%s: a model from an archive holds packed weights and activations, no float copy', async (name, write) => {
  const path = join(folder, `${name}.tamp.zip`);
  await write(path);
  const { model, close } = await openArchiveFile(path);
  const runner = createModelRunner(model);
  try {
    const parameters = [...model.parameters.values()];
    const quantized = parameters.filter(({ storage }) => storage.kind === 'affine');
    expect(quantized.length).toBeGreaterThan(0);
    const resident = parameters.reduce((sum, parameter) => sum + residentBytes(parameter), 0);
    const smallestCopy = Math.min(...quantized.map(({ shape }) => elementCount(shape) * 4));

    const ids = tf.zeros([1, sequence], 'int32');
    const profiledRun = () =>
      tf.profile(async () => {
        tf.dispose(await runner.run({ input_ids: ids }));
        return [];
      });
    const before = tf.memory().numBytes;
    await profiledRun();
    const loaded = tf.memory().numBytes;
    // Packing may add sums of rows and fill rows up to whole panels: below 2%, and far from one more copy.
    expect(loaded - before).toBeGreaterThanOrEqual(resident);
    expect(loaded - before).toBeLessThan(Math.min(resident * 1.02, resident + smallestCopy));

    // A further run reads nothing, so what it needs on top are activations: the logits and the halves of the gated
    // unit, which reshapes and sums may hold twice. A float copy of the largest weight would not fit into that.
    const widest = Math.max(...parameters.map(({ shape }) => shape[0]));
    const activations = 3 * sequence * widest * 4;
    const largestCopy = Math.max(...quantized.map(({ shape }) => elementCount(shape) * 4));
    expect(activations).toBeLessThan(largestCopy);
    const { peakBytes } = await profiledRun();
    expect(peakBytes - loaded).toBeLessThan(activations);
    ids.dispose();
  } finally {
    runner.dispose();
    await close();
  }
});
