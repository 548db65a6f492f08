import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ByteSource, bytesOf, memorySink, readAll } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import { describe, expect, it } from 'vitest';
import { bitsPerElement, safetensorsDtypes } from '../src/dtype.js';
import { openSafetensors } from '../src/safetensors-file.js';
import { chunksOf, type SafetensorsEntry, writeSafetensors } from '../src/writer.js';
import { seededRandom } from './build-file.js';

async function write(
  entries: readonly SafetensorsEntry[],
  options?: Parameters<typeof writeSafetensors>[2],
): Promise<ByteSource> {
  const sink = memorySink();
  const byteLength = await writeSafetensors(sink, entries, options);
  expect(sink.bytes().byteLength).toBe(byteLength);
  return bytesOf(sink.bytes(), 'written');
}

function entry(
  name: string,
  dtype: SafetensorsEntry['dtype'],
  shape: number[],
  bytes: Uint8Array,
): SafetensorsEntry {
  return { name, dtype, shape, data: () => [bytes] };
}

describe('writeSafetensors', () => {
  it.each(safetensorsDtypes)('keeps the bytes of %s', async (dtype) => {
    const random = seededRandom(bitsPerElement(dtype));
    const shapes = [[8], [2, 4, 3], [0, 5], [1, 8, 1]];
    const entries = shapes.map((shape, i) => {
      const elements = shape.reduce((product, dimension) => product * dimension, 1);
      const bytes = Uint8Array.from({ length: (elements * bitsPerElement(dtype)) / 8 }, () => random() * 256);
      return { name: `t${i}`, shape, bytes };
    });
    const file = await openSafetensors(
      await write(entries.map(({ name, shape, bytes }) => entry(name, dtype, shape, bytes))),
    );
    expect(file.tensors.size).toBe(shapes.length);
    for (const { name, shape, bytes } of entries) {
      expect(file.tensors.get(name)).toMatchObject({ name, dtype, shape });
      expect(await readAll(file.tensor(name))).toEqual(bytes);
    }
  });

  it('writes what the reference implementation writes', async () => {
    // From the format's description: compact JSON, widest dtype first, then by name, spaces to 8 bytes.
    const source = await write(
      [
        entry('b', 'U8', [2], Uint8Array.of(7, 8)),
        entry('z', 'F32', [1], Uint8Array.of(1, 2, 3, 4)),
        entry('a', 'U8', [1], Uint8Array.of(9)),
      ],
      { metadata: { format: 'pt' } },
    );
    const header =
      '{"__metadata__":{"format":"pt"},"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
      '"a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"b":{"dtype":"U8","shape":[2],"data_offsets":[5,7]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const bytes = await readAll(source);
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(padded.length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded);
    expect([...bytes.subarray(8 + padded.length)]).toEqual([1, 2, 3, 4, 9, 7, 8]);
  });

  it('sorts names as their UTF-8 is sorted', async () => {
    // U+FF5E comes after the surrogates of U+1F600 in UTF-16, but before it in UTF-8.
    const names = ['\u{1f600}', '\uff5e', 'a', 'aa', 'Z'];
    const file = await openSafetensors(
      await write(names.map((name) => entry(name, 'U8', [1], Uint8Array.of(1)))),
    );
    expect([...file.tensors.keys()]).toEqual(['Z', 'a', 'aa', '\uff5e', '\u{1f600}']);
  });

  it('keeps the given order when asked to', async () => {
    const file = await openSafetensors(
      await write([entry('b', 'U8', [1], Uint8Array.of(1)), entry('1', 'F64', [1], new Uint8Array(8))], {
        order: 'given',
      }),
    );
    expect([...file.tensors.keys()]).toEqual(['b', '1']);
  });

  it('writes names that objects treat specially', async () => {
    const metadata = new Map([['__proto__', 'x']]);
    const file = await openSafetensors(
      await write(
        [entry('__proto__', 'U8', [1], Uint8Array.of(5)), entry('"\n', 'U8', [1], Uint8Array.of(6))],
        {
          metadata,
        },
      ),
    );
    expect(file.metadata).toEqual(metadata);
    expect(await readAll(file.tensor('__proto__'))).toEqual(Uint8Array.of(5));
    expect(await readAll(file.tensor('"\n'))).toEqual(Uint8Array.of(6));
  });

  it('asks for each tensor only when its turn comes and holds one chunk at a time', async () => {
    let held = 0;
    let mostHeld = 0;
    const order: string[] = [];
    const chunked = (name: string): SafetensorsEntry => ({
      name,
      dtype: 'F32',
      shape: [1000],
      async *data() {
        order.push(name);
        for (let i = 0; i < 10; i++) {
          held++;
          mostHeld = Math.max(mostHeld, held);
          yield new Uint8Array(400).fill(i);
          held--;
        }
      },
    });
    await write([chunked('b'), chunked('a')]);
    expect(order).toEqual(['a', 'b']);
    expect(mostHeld).toBe(1);
  });

  it('reads a source in chunks', async () => {
    const lengths: number[] = [];
    for await (const chunk of chunksOf(bytesOf(new Uint8Array(25)), 10)) lengths.push(chunk.byteLength);
    expect(lengths).toEqual([10, 10, 5]);
  });

  const byte = Uint8Array.of(1);
  it.each<[string, SafetensorsEntry[], string]>([
    [
      'a name twice',
      [entry('a', 'U8', [1], byte), entry('a', 'U8', [1], byte)],
      'two tensors have this name',
    ],
    ['the name of the metadata', [entry('__metadata__', 'U8', [1], byte)], 'no tensor may have this name'],
    ['half a surrogate pair', [entry('\ud800', 'U8', [1], byte)], 'no tensor may have this name'],
    ['a negative dimension', [entry('a', 'U8', [-1], byte)], 'the shape [-1] is invalid'],
    ['a fractional dimension', [entry('a', 'U8', [0.5], byte)], 'the shape [0.5] is invalid'],
    [
      'an impossible size',
      [entry('a', 'F64', [2 ** 50], byte)],
      'F64 of shape [1125899906842624] is too large',
    ],
    [
      'a partial byte',
      [entry('a', 'F6_E2M3', [2], byte)],
      'F6_E2M3 of shape [2] does not fill its last byte',
    ],
    ['too little data', [entry('a', 'U8', [2], byte)], 'its data has 1 of 2 bytes'],
    ['too much data', [entry('a', 'U8', [0], byte)], 'its data has more than 0 bytes'],
  ])('refuses %s and leaves no file', async (_, entries, problem) => {
    const folder = await mkdtemp(join(tmpdir(), 'tamp-writer-'));
    try {
      const written = writeSafetensors(await fileSink(join(folder, 'x.safetensors')), entries);
      await expect(written).rejects.toMatchObject({
        code: 'usage',
        problem,
        at: { layer: entries[0]?.name },
      });
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('aborts the sink when the data fails', async () => {
    const sink = memorySink();
    const written = writeSafetensors(sink, [
      {
        name: 'a',
        dtype: 'U8',
        shape: [2],
        *data() {
          yield byte;
          throw new Error('no more');
        },
      },
    ]);
    await expect(written).rejects.toThrow('no more');
    expect(() => sink.bytes()).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
