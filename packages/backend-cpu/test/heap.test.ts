import { integer, randomSource } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { createMemory, Heap } from '../src/memory/heap.js';
import { registerCpuBackend } from '../src/register.js';

describe('Heap', () => {
  for (const shared of [false, true]) {
    it(`hands out blocks that never overlap, through growth, and joins what is freed (shared: ${shared})`, () => {
      const heap = new Heap(createMemory(shared, 65536), 1000);
      const random = randomSource(4);
      const live = new Map<number, { words: number; mark: number }>();
      for (let step = 1; step <= 4000; step++) {
        if (live.size > 0 && random() < 0.48) {
          const [pointer, { words, mark }] = [...live][integer(random, 0, live.size - 1)] ?? [
            0,
            { words: 0, mark: 0 },
          ];
          const block = heap.i32.subarray(pointer / 4, pointer / 4 + words);
          expect(block.every((v) => v === mark)).toBe(true);
          heap.free(pointer);
          live.delete(pointer);
        } else {
          const words = integer(random, 1, random() < 0.02 ? 500_000 : 2000);
          const pointer = heap.allocate(words * 4);
          expect(pointer % 64).toBe(0);
          heap.i32.fill(step, pointer / 4, pointer / 4 + words);
          live.set(pointer, { words, mark: step });
        }
      }
      for (const pointer of live.keys()) heap.free(pointer);
      expect(heap.usedBytes).toBe(0);
      expect(heap.blocks).toBe(0);
      // All free space is one block again: a block of nearly everything fits without growth.
      const bytes = heap.buffer.byteLength;
      heap.allocate(bytes - 2048);
      expect(heap.buffer.byteLength).toBe(bytes);
    });
  }
});

describe('tensors in the heap', () => {
  afterAll(() => tf.removeBackend('tamp-heap'));

  it('stay valid for tfjs kernels that alias or outlive them', async () => {
    const { backend } = await registerCpuBackend({ name: 'tamp-heap', threads: 1 });
    await tf.setBackend('tamp-heap');
    const start = { tensors: tf.memory().numTensors, blocks: backend.runtime.heap.blocks };
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const square = tf.matMul(a, a);
    // tfjs slices a contiguous range as a view; it must survive its source.
    const row = tf.slice(square, [1, 0], [1, 2]);
    const kept = await square.data();
    const reshaped = tf.reshape(square, [4]);
    square.dispose();
    expect([...(await reshaped.data())]).toEqual([7, 10, 15, 22]);
    reshaped.dispose();
    const other = tf.matMul(a, tf.tensor2d([0, 0, 0, 0], [2, 2]));
    expect([...(await row.data())]).toEqual([15, 22]);
    expect([...kept]).toEqual([7, 10, 15, 22]);
    expect([...(await other.data())]).toEqual([0, 0, 0, 0]);
    // A cast without conversion leaves int32 values under a float32 tensor.
    const cast = tf.tidy(() => tf.matMul(tf.cast(tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32'), 'float32'), a));
    expect([...(await cast.data())]).toEqual([7, 10, 15, 22]);
    tf.dispose([a, row, other, cast]);
    // The one tensor left is the zero matrix made inline above.
    expect(tf.memory().numTensors - start.tensors).toBe(1);
    expect(backend.runtime.heap.blocks - start.blocks).toBe(1);
  });
});
