import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createIntermediateCache, memoryStorage, runSequential, type ValueStorage } from '../../src/index.js';
import { diskStorage } from '../../src/node.js';
import { batches, blockModel, halve } from '../models/blocks.js';

const disk = vi.hoisted(() => ({ freeWrites: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const writeFile: typeof real.writeFile = (...args) =>
    disk.freeWrites-- > 0
      ? real.writeFile(...args)
      : Promise.reject(
          Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
        );
  return { ...real, writeFile };
});

let folder = '';
beforeAll(() => tf.setBackend('cpu'));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-cache-'));
});
afterEach(async () => {
  disk.freeWrites = Number.POSITIVE_INFINITY;
  await rm(folder, { recursive: true, force: true });
});

const storages: readonly [string, () => ValueStorage | Promise<ValueStorage>][] = [
  ['memory', memoryStorage],
  ['disk', () => diskStorage(folder)],
];

describe.each(storages)('in %s', (_, open) => {
  test('values come back with shape and type, tensors that share data are kept once', async () => {
    const tensors = tf.memory().numTensors;
    const storage = await open();
    const cache = createIntermediateCache(storage);
    const mask = tf.tensor([1, 0, 1], [3], 'bool');
    const ids = tf.tensor([1, -2, 3, 4], [2, 2], 'int32');
    const shared = tf.clone(ids);
    await cache.put(0, 'mask', mask);
    await cache.put(0, 'ids', ids);
    await cache.put(1, 'ids', shared);
    await cache.put(1, 'again', ids);
    expect(cache.bytes).toBe(3 + 16);
    tf.dispose([mask, ids, shared]);
    for (const [batch, name, dtype, values] of [
      [0, 'mask', 'bool', [1, 0, 1]],
      [1, 'ids', 'int32', [1, -2, 3, 4]],
    ] as const) {
      const value = await cache.get(batch, name);
      expect([value.dtype, Array.from(await value.data())]).toEqual([dtype, values]);
      value.dispose();
    }
    await cache.drop(0, 'ids');
    await cache.drop(1, 'again');
    await cache.drop(1, 'again');
    expect(cache.bytes).toBe(3 + 16);
    await cache.drop(1, 'ids');
    expect([cache.bytes, cache.peakBytes]).toEqual([3, 19]);
    await expect(cache.get(1, 'ids')).rejects.toThrow('batch 2 has no intermediate value ids');
    await storage.close();
    expect(tf.memory().numTensors).toBe(tensors);
    expect(await readdir(folder)).toEqual([]);
  });
});

test('a run with its intermediates on disk gives what one in memory gives, and leaves nothing behind', async () => {
  const results = await Promise.all(
    storages.map(async ([, open]) => {
      const storage = await open();
      const { modifier, seen } = halve();
      await runSequential(blockModel().model, [{ name: 'halve', modifier }], batches(4), { storage });
      await storage.close();
      return seen;
    }),
  );
  expect(results[1]).toEqual(results[0]);
  expect(results[0].size).toBe(7);
  expect(await readdir(folder)).toEqual([]);
});

test('a full disk: a clear error, at whatever write it comes, and nothing left', async () => {
  for (const freeWrites of [0, 3, 5, 11]) {
    disk.freeWrites = freeWrites;
    const tensors = tf.memory().numTensors;
    const storage = await diskStorage(folder);
    await expect(
      runSequential(blockModel().model, [{ name: 'halve', modifier: halve().modifier }], batches(4), {
        storage,
      }),
    ).rejects.toThrow(/cannot keep intermediate values: the disk is full \(ENOSPC\)\. Free some space/);
    await storage.close();
    expect(tf.memory().numTensors).toBe(tensors);
    expect(await readdir(folder)).toEqual([]);
  }
});

test('a folder that is not there is refused', async () => {
  await expect(diskStorage(join(folder, 'nowhere'))).rejects.toThrow('it or its folder does not exist');
});
