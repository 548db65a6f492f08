import { type ByteSource, bytesOf, createGraphBuilder, denseStorage, type Model, readAll } from '@tamp/core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { openArchive } from '../src/index.js';
import { archiveOf, recorded } from './models/contents.js';

const chunkBytes = 8 * 2 ** 20;
const rowBytes = 4096 * 4;
const rows = 1100;
const values = Float32Array.from({ length: rows * 4096 }, (_, i) => i % 8191);
const small = Float32Array.from({ length: 100 }, (_, i) => i);
const ranges: [number, number][] = [];

/** A table of 17 MiB, so of three chunks, and two small vectors that share an entry. */
function large(): Model {
  const builder = createGraphBuilder();
  const ids = builder.input('ids', { dtype: 'int32', shape: [null] });
  builder.output('y', builder.apply('embedding', [ids, builder.parameter('table', [rows, 4096])]));
  const source: ByteSource = {
    ...bytesOf(values),
    read(start, end) {
      ranges.push([start, end]);
      return bytesOf(values).read(start, end);
    },
  };
  return {
    graph: builder.build(),
    parameters: new Map([
      [
        'table',
        { name: 'table', shape: [rows, 4096], storage: { kind: 'dense', dtype: 'float32', bytes: source } },
      ],
      ['a', { name: 'a', shape: [100], storage: denseStorage(small) }],
      ['b', { name: 'b', shape: [100], storage: denseStorage(small.map((value) => value + 1)) }],
    ]),
    architecture: 'Table',
    config: {},
    assets: new Map([['notes.txt', bytesOf(new TextEncoder().encode('notes'))]]),
  };
}

let archive: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  archive = await archiveOf(large(), { compression: 'store' });
});

/** The archive opened over a source that records reads. */
async function opened(limits = {}): Promise<{ model: Model; reads: [number, number][]; table: ByteSource }> {
  const { source, reads } = recorded(bytesOf(archive));
  const model = await openArchive(source, { limits });
  return { model, reads, table: sourceOf(model, 'table') };
}

function sourceOf(model: Model, name: string): ByteSource {
  const storage = model.parameters.get(name)?.storage;
  if (storage?.kind !== 'dense') throw new Error(`${name} is not dense`);
  return storage.bytes;
}

const row = (index: number): Uint8Array => new Uint8Array(values.buffer, index * rowBytes, rowBytes);

/** Compares bytes as bytes: a failing `toEqual` of millions of elements would take minutes. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

describe('writing', () => {
  it('reads a large parameter in chunks of whole rows of at most 8 MiB', () => {
    expect(ranges.length).toBe(3);
    for (const [start, end] of ranges) {
      expect(end - start).toBeLessThanOrEqual(chunkBytes);
      expect(start % rowBytes).toBe(0);
      expect(end % rowBytes).toBe(0);
    }
  });
});

describe('reading', () => {
  it('opens with the directory and the manifest alone', async () => {
    const { reads } = await opened();
    // One range from the end holds both here.
    expect(reads).toEqual([[archive.length - 2 ** 16, archive.length]]);
  });

  it('reads only the chunk that a row lies in, and rows near it without reading again', async () => {
    const { table, reads } = await opened();
    const atOpen = reads.length;
    expectSame(await table.read(600 * rowBytes, 601 * rowBytes), row(600));
    expect(reads.length).toBe(atOpen + 1);
    const [start, end] = reads[atOpen];
    expect(end - start).toBeLessThan(chunkBytes + 100);
    expectSame(await table.read(601 * rowBytes, 602 * rowBytes), row(601));
    expect(reads.length).toBe(atOpen + 1);
    // A row of another chunk reads that one.
    expectSame(await table.read(0, rowBytes), row(0));
    expect(reads.length).toBe(atOpen + 2);
  });

  it('joins ranges that span chunks', async () => {
    const { table } = await opened();
    const border = chunkBytes;
    const expected = new Uint8Array(values.buffer, border - 10, 20);
    expectSame(await table.read(border - 10, border + 10), expected);
    expectSame(await readAll(table), new Uint8Array(values.buffer));
  });

  it('keeps nothing of what is read whole: reading it again reads the archive again', async () => {
    const { table, reads } = await opened();
    await readAll(table);
    const once = reads.length;
    await readAll(table);
    expect(reads.length).toBe(once + 3);
  });

  it('reads an entry that small parameters share once, also when both ask at the same time', async () => {
    const { model, reads } = await opened();
    const atOpen = reads.length;
    const [a, b] = await Promise.all([readAll(sourceOf(model, 'a')), readAll(sourceOf(model, 'b'))]);
    expect(a).toEqual(new Uint8Array(small.buffer));
    expect(new Float32Array(b.slice().buffer)[0]).toBe(1);
    await readAll(sourceOf(model, 'a'));
    expect(reads.length).toBe(atOpen + 1);
    // A part is a copy: it does not keep the whole entry in memory.
    expect(a.buffer.byteLength).toBe(400);
  });

  it('keeps nothing when told so', async () => {
    const { model, reads } = await opened({ cacheBytes: 0 });
    const atOpen = reads.length;
    await readAll(sourceOf(model, 'a'));
    await readAll(sourceOf(model, 'a'));
    expect(reads.length).toBe(atOpen + 2);
  });

  it('reads an asset when it is asked for', async () => {
    const { model, reads } = await opened();
    const atOpen = reads.length;
    const notes = model.assets.get('notes.txt');
    expect(notes?.byteLength).toBe(5);
    expect(reads.length).toBe(atOpen);
    expect(new TextDecoder().decode(notes && (await readAll(notes)))).toBe('notes');
  });

  it('refuses a range outside the parameter, and can be asked again after a failed read', async () => {
    const { table } = await opened();
    await expect(table.read(0, table.byteLength + 1)).rejects.toThrow(/lie outside/);
    let fail = true;
    const flaky: ByteSource = {
      ...bytesOf(archive),
      read(start, end) {
        if (fail && start < 2 ** 20) return Promise.reject(new Error('offline'));
        return bytesOf(archive).read(start, end);
      },
    };
    const again = sourceOf(await openArchive(flaky), 'table');
    await expect(again.read(0, rowBytes)).rejects.toThrow(/offline/);
    fail = false;
    expectSame(await again.read(0, rowBytes), row(0));
  });

  it('verifies without WebCrypto too, as on pages that are not served securely', async () => {
    vi.stubGlobal('crypto', undefined);
    try {
      const { model } = await opened();
      expect(await readAll(sourceOf(model, 'a'))).toEqual(new Uint8Array(small.buffer));
      const broken = archive.slice();
      broken[1000] ^= 1;
      const damaged = sourceOf(await openArchive(bytesOf(broken)), 'table');
      await expect(damaged.read(0, rowBytes)).rejects.toThrow(/does not have the SHA-256/);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
