import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ByteSink, type ByteSource, bytesOf, type MemorySink, memorySink, readAll } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint.js';
import { openCheckpointFolder } from '../src/checkpoint-folder.js';
import { openSafetensors } from '../src/safetensors-file.js';
import { writeSharded } from '../src/sharded-writer.js';
import type { SafetensorsEntry } from '../src/writer.js';
import { entryText, fileBytes } from './build-file.js';

/** Ten tensors of 4, 8, … 40 bytes, filled with their number. */
const entries: readonly SafetensorsEntry[] = Array.from({ length: 10 }, (_, i) => ({
  name: `layers.${i}`,
  dtype: 'F32',
  shape: [i + 1],
  data: () => [new Uint8Array(4 * (i + 1)).fill(i)],
}));

/** A folder in memory. */
class Folder {
  readonly files = new Map<string, Uint8Array>();
  readonly opened: string[] = [];

  set(name: string, content: string | Uint8Array): this {
    this.files.set(name, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    return this;
  }

  readonly open = async (name: string): Promise<ByteSource | undefined> => {
    this.opened.push(name);
    const bytes = this.files.get(name);
    return bytes === undefined ? undefined : bytesOf(bytes, name);
  };
}

async function written(maxShardBytes: number): Promise<Folder> {
  const sinks = new Map<string, MemorySink>();
  await writeSharded(
    async (name) => {
      const sink = memorySink(name);
      sinks.set(name, sink);
      return sink;
    },
    entries,
    { maxShardBytes, metadata: { format: 'pt' } },
  );
  const folder = new Folder();
  for (const [name, sink] of sinks) folder.set(name, sink.bytes());
  return folder;
}

const oneByte = fileBytes(`{${entryText('a', 'U8', [1], 0, 1)}}`, Uint8Array.of(7));

function indexOf(map: string): string {
  return `{"metadata":{"total_size":1},"weight_map":${map}}`;
}

describe('openCheckpoint', () => {
  it.each([
    [1000, ['model.safetensors']],
    [
      100,
      [
        'model-00001-of-00003.safetensors',
        'model-00002-of-00003.safetensors',
        'model-00003-of-00003.safetensors',
      ],
    ],
    [1, entries.map((_, i) => `model-${String(i + 1).padStart(5, '0')}-of-00010.safetensors`)],
  ])('reads what was written in shards of at most %i bytes', async (maxShardBytes, files) => {
    const folder = await written(maxShardBytes);
    const checkpoint = await openCheckpoint(folder.open);
    expect(checkpoint.files).toEqual(files);
    expect(checkpoint.unmapped).toEqual([]);
    expect(checkpoint.metadata).toEqual(new Map([['format', 'pt']]));
    expect([...checkpoint.tensors.keys()].sort()).toEqual(entries.map(({ name }) => name).sort());
    for (const { name, dtype, shape, data } of entries) {
      expect(checkpoint.tensors.get(name)).toMatchObject({ name, dtype, shape });
      const bytes: number[] = [];
      for await (const chunk of data()) bytes.push(...chunk);
      expect([...(await readAll(checkpoint.tensor(name)))]).toEqual(bytes);
    }
    expect(() => checkpoint.tensor('none')).toThrow(expect.objectContaining({ code: 'usage' }));
    for (const name of files) {
      const bytes = folder.files.get(name);
      if (bytes === undefined) throw new Error(`${name} was not written`);
      const { tensors } = await openSafetensors(bytesOf(bytes));
      const size = [...tensors.values()].reduce(
        (sum, info) => sum + info.byteRange[1] - info.byteRange[0],
        0,
      );
      expect(size <= maxShardBytes || tensors.size === 1).toBe(true);
    }
  });

  it('writes the index as transformers does', async () => {
    const folder = await written(150);
    const index = JSON.parse(new TextDecoder().decode(folder.files.get('model.safetensors.index.json')));
    expect(index).toEqual({
      metadata: { total_size: 220 },
      weight_map: Object.fromEntries(
        entries.map(({ name }, i) => [name, `model-0000${i < 8 ? 1 : 2}-of-00002.safetensors`]),
      ),
    });
    expect([...folder.files.keys()].at(-1)).toBe('model.safetensors.index.json');
  });

  it('begins with the file that it is told', async () => {
    const folder = await written(100);
    folder.set('model.safetensors', oneByte).set('other.safetensors', oneByte);
    expect((await openCheckpoint(folder.open)).tensors.size).toBe(1);
    expect((await openCheckpoint(folder.open, { entry: 'other.safetensors' })).files).toEqual([
      'other.safetensors',
    ]);
    const sharded = await openCheckpoint(folder.open, { entry: 'model.safetensors.index.json' });
    expect(sharded.tensors.size).toBe(entries.length);
  });

  it('says what is missing in an empty folder', async () => {
    await expect(openCheckpoint(new Folder().open, { label: 'here' })).rejects.toMatchObject({
      code: 'io',
      at: { file: 'here' },
      problem: 'there is no model.safetensors and no model.safetensors.index.json',
    });
  });

  it.each([
    '../a.safetensors',
    '..',
    '.',
    '',
    '/etc/passwd',
    'sub/a.safetensors',
    'sub\\a.safetensors',
    'C:a.safetensors',
    '.hidden',
    'a.safetensors\0',
    'a\n',
    'http://example.org/a',
    'x'.repeat(300),
  ])('opens no file called %j', async (name) => {
    const folder = new Folder().set('model.safetensors.index.json', indexOf(JSON.stringify({ a: name })));
    await expect(openCheckpoint(folder.open)).rejects.toMatchObject({
      code: 'format',
      at: { file: 'model.safetensors.index.json', layer: 'a' },
      problem: expect.stringContaining('not the plain name of a file'),
    });
    expect(folder.opened).toEqual(['model.safetensors', 'model.safetensors.index.json']);
  });

  it.each([
    ['no JSON', '{', 'the index is not valid JSON'],
    ['a list', '[]', 'the index is not a JSON object'],
    ['no map', '{"metadata":{}}', 'the index lacks weight_map'],
    ['two maps', '{"weight_map":{},"weight_map":{}}', 'the index has weight_map twice'],
    ['a map that is a list', '{"weight_map":[]}', 'its weight_map is not an object'],
    ['a file that is a number', indexOf('{"a":1}'), 'its weight_map gives no file name for it'],
    [
      'a tensor twice',
      indexOf('{"a":"s.safetensors","a":"t.safetensors"}'),
      'its weight_map has this tensor twice',
    ],
    ['a missing shard', indexOf('{"a":"t.safetensors"}'), 'its shard "t.safetensors" is missing'],
    [
      'a tensor that its shard lacks',
      indexOf('{"a":"s.safetensors","b":"s.safetensors"}'),
      'the index places this tensor in "s.safetensors", which lacks it',
    ],
  ])('refuses an index with %s', async (_, index, problem) => {
    const folder = new Folder().set('model.safetensors.index.json', index).set('s.safetensors', oneByte);
    await expect(openCheckpoint(folder.open)).rejects.toMatchObject({
      code: 'format',
      at: { file: 'model.safetensors.index.json' },
      problem: expect.stringContaining(problem),
    });
  });

  it('refuses an index above the cap before it reads it', async () => {
    const folder = new Folder().set('model.safetensors.index.json', indexOf('{}'));
    await expect(openCheckpoint(folder.open, { maxHeaderBytes: 20 })).rejects.toMatchObject({
      code: 'format',
      problem: expect.stringContaining('more than the 20 allowed'),
    });
  });

  it('lists the tensors that the index leaves out', async () => {
    const two = fileBytes(
      `{${entryText('a', 'U8', [1], 0, 1)},${entryText('b', 'U8', [1], 1, 2)}}`,
      Uint8Array.of(1, 2),
    );
    const folder = new Folder()
      .set('model.safetensors.index.json', indexOf('{"a":"s.safetensors","b":"t.safetensors"}'))
      .set('s.safetensors', two)
      .set('t.safetensors', two);
    const checkpoint = await openCheckpoint(folder.open);
    expect(checkpoint.unmapped).toEqual([
      { name: 'b', file: 's.safetensors' },
      { name: 'a', file: 't.safetensors' },
    ]);
    expect([...checkpoint.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
      ['a', 's.safetensors'],
      ['b', 't.safetensors'],
    ]);
  });

  it('names the shard that is damaged', async () => {
    const folder = await written(100);
    const name = 'model-00002-of-00003.safetensors';
    const bytes = folder.files.get(name);
    if (bytes === undefined) throw new Error('no second shard');
    folder.set(name, bytes.subarray(0, -1));
    await expect(openCheckpoint(folder.open)).rejects.toMatchObject({
      code: 'format',
      at: { file: name },
      problem: expect.stringContaining('the file is truncated'),
    });
  });
});

describe('writeSharded', () => {
  it('finishes nothing when a tensor of the last shard fails', async () => {
    const events: string[] = [];
    const sink = (name: string): ByteSink => ({
      write: async () => undefined,
      finish: async () => void events.push(`finish ${name}`),
      abort: async () => void events.push(`abort ${name}`),
    });
    const broken: SafetensorsEntry = { name: 'z', dtype: 'F32', shape: [30], data: () => [] };
    await expect(
      writeSharded(async (name) => sink(name), [...entries, broken], { maxShardBytes: 150 }),
    ).rejects.toMatchObject({ code: 'usage', at: { layer: 'z' } });
    expect(events).toEqual([1, 2, 3].map((i) => `abort model-0000${i}-of-00003.safetensors`));
  });

  it.each([0, -1, Number.NaN])('refuses shards of %d bytes', async (maxShardBytes) => {
    const unused = async (): Promise<never> => {
      throw new Error('opened a sink');
    };
    await expect(writeSharded(unused, entries, { maxShardBytes })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('openCheckpointFolder', () => {
  let path = '';

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'tamp-checkpoint-'));
  });

  afterEach(async () => {
    await rm(path, { recursive: true, force: true });
  });

  it('opens what was written to disk', async () => {
    const { files, index, tensorBytes } = await writeSharded((name) => fileSink(join(path, name)), entries, {
      maxShardBytes: 100,
    });
    expect(tensorBytes).toBe(220);
    expect((await readdir(path)).sort()).toEqual([...files, index ?? ''].sort());
    for (const opened of [path, join(path, index ?? '')]) {
      const checkpoint = await openCheckpointFolder(opened);
      expect([...(await readAll(checkpoint.tensor('layers.2')))]).toEqual(Array(12).fill(2));
      await checkpoint.close();
      await expect(checkpoint.tensor('layers.2').read(0, 1)).rejects.toMatchObject({ code: 'usage' });
    }
    const shard = await openCheckpointFolder(join(path, files[0] ?? ''));
    expect(shard.files).toEqual([files[0]]);
    await shard.close();
  });

  it('leaves no file open when a shard is damaged', async () => {
    const { files } = await writeSharded((name) => fileSink(join(path, name)), entries, {
      maxShardBytes: 100,
    });
    const last = join(path, files.at(-1) ?? '');
    await writeFile(last, (await readFile(last)).subarray(0, 50));
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd').catch(() => [])).length;
    const before = await openFiles();
    await expect(openCheckpointFolder(path)).rejects.toMatchObject({ code: 'format', at: { file: last } });
    expect(await openFiles()).toBe(before);
  });

  it('reports a folder that is missing or holds no checkpoint', async () => {
    await expect(openCheckpointFolder(join(path, 'none'))).rejects.toMatchObject({ code: 'io' });
    await expect(openCheckpointFolder(path)).rejects.toMatchObject({ code: 'io', at: { file: path } });
  });
});
