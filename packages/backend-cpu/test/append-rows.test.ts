import { appendRows, roomForRows } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CpuBackend, registerCpuBackend } from '../src/index.js';

const width = 3;

/** Rows whose values tell sample, row and column apart. */
function rowsOf(sample: number, from: number, to: number): number[] {
  return Array.from(
    { length: (to - from) * width },
    (_, i) => 10000 * sample + 10 * (from + Math.floor(i / width)) + (i % width),
  );
}

/** A tensor's own values: one that shares memory reads further ones behind them. */
async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  return [...(await tensor.data())].slice(0, tensor.size);
}

describe('rows behind rows', () => {
  let cpu: CpuBackend;
  beforeAll(async () => {
    cpu = await registerCpuBackend({ name: 'tamp-append', threads: 1 });
    await tf.setBackend(cpu.name);
  });
  afterAll(() => tf.removeBackend(cpu.name));
  expectNoTensorLeaks();

  it('are added in place while there is room, which holds half as many again', async () => {
    const { heap } = cpu.backend.runtime;
    const blocks = heap.blocks;
    let all: tf.Tensor = tf.tensor3d([], [1, 0, width]);
    let moves = 0;
    let room = 0;
    for (let length = 0; length < 200; ) {
      const added = length === 0 ? 5 : 1;
      const rows = tf.tensor3d(rowsOf(0, length, length + added), [1, added, width]);
      const longer = appendRows(all, rows);
      expect(longer.shape).toEqual([1, length + added, width]);
      length += added;
      if (longer.dataId !== all.dataId) {
        moves++;
        // Not before it was full.
        expect(length).toBeGreaterThan(room);
        room = roomForRows(length);
      }
      tf.dispose([all, rows]);
      all = longer;
      if (length % 40 === 0 || length < 8) expect(await valuesOf(all)).toEqual(rowsOf(0, 0, length));
    }
    // 64, then 128, then 256 rows.
    expect(moves).toBe(3);
    expect(heap.blocks).toBe(blocks + 1);
    all.dispose();
    expect(heap.blocks).toBe(blocks);
  });

  it('leave what they follow as it is, and two that follow the same are apart', async () => {
    const start = tf.tidy(() =>
      appendRows(tf.zeros([1, 0, width]), tf.tensor3d(rowsOf(0, 0, 4), [1, 4, width])),
    );
    const [a, b] = [1, 2].map((sample) =>
      tf.tidy(() => appendRows(start, tf.tensor3d(rowsOf(sample, 4, 6), [1, 2, width]))),
    );
    const c = tf.tidy(() => appendRows(a, tf.tensor3d(rowsOf(3, 6, 7), [1, 1, width])));
    expect(await valuesOf(start)).toEqual(rowsOf(0, 0, 4));
    start.dispose();
    expect(await valuesOf(a)).toEqual([...rowsOf(0, 0, 4), ...rowsOf(1, 4, 6)]);
    a.dispose();
    expect(await valuesOf(b)).toEqual([...rowsOf(0, 0, 4), ...rowsOf(2, 4, 6)]);
    expect(await valuesOf(c)).toEqual([...rowsOf(0, 0, 4), ...rowsOf(1, 4, 6), ...rowsOf(3, 6, 7)]);
    tf.dispose([b, c]);
  });

  it('of several samples go behind those of their own', async () => {
    const [past, rows] = [
      [0, 3],
      [3, 5],
    ].map(([from = 0, to = 0]) =>
      tf.tensor3d([...rowsOf(1, from, to), ...rowsOf(2, from, to)], [2, to - from, width]),
    );
    if (past === undefined || rows === undefined) throw new Error('two tensors were expected');
    const both = appendRows(past, rows);
    expect(both.shape).toEqual([2, 5, width]);
    expect(await valuesOf(both)).toEqual([...rowsOf(1, 0, 5), ...rowsOf(2, 0, 5)]);
    const more = appendRows(both, rows);
    expect(await valuesOf(more)).toEqual([1, 2].flatMap((s) => [...rowsOf(s, 0, 5), ...rowsOf(s, 3, 5)]));
    tf.dispose([past, rows, both, more]);
  });

  it('follow rows that tfjs made, which have no room', async () => {
    const past = tf.tensor3d(rowsOf(0, 0, 2), [1, 2, width]);
    const other = tf.tensor3d(rowsOf(0, 2, 3), [1, 1, width]);
    const both = appendRows(past, other);
    expect(await valuesOf(both)).toEqual(rowsOf(0, 0, 3));
    // Once more, now that it lies in the heap.
    const again = appendRows(past, other);
    expect(await valuesOf(again)).toEqual(rowsOf(0, 0, 3));
    tf.dispose([past, other, both, again]);
  });
});
