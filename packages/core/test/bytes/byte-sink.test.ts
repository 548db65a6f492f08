import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fillSink, memorySink } from '../../src/bytes/byte-sink.js';
import { fileSink } from '../../src/bytes/file-sink.js';
import { fileSource } from '../../src/bytes/file-source.js';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-bytes-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('memorySink', () => {
  it('joins copies of what is written', async () => {
    const sink = memorySink();
    const bytes = Uint8Array.of(1, 2, 3);
    await sink.write(bytes);
    bytes.fill(9);
    await sink.write(bytes.subarray(1));
    expect(() => sink.bytes()).toThrow(expect.objectContaining({ code: 'usage' }));
    await sink.finish();
    expect([...sink.bytes()]).toEqual([1, 2, 3, 9, 9]);
    await expect(sink.write(bytes)).rejects.toMatchObject({ code: 'usage' });
  });

  it('has nothing after it was aborted', async () => {
    const sink = memorySink();
    await sink.write(Uint8Array.of(1));
    await sink.abort();
    expect(() => sink.bytes()).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('fileSink', () => {
  it('shows the file only when it is finished', async () => {
    const path = join(folder, 'a.bin');
    await writeFile(path, 'old');
    const sink = await fileSink(path);
    await sink.write(Uint8Array.of(1, 2));
    await sink.write(Uint8Array.of(3));
    expect(await readFile(path, 'utf8')).toBe('old');
    await sink.finish();
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(['a.bin']);
    await expect(sink.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'usage' });
  });

  it('keeps overlapping writes in the order of their calls', async () => {
    const path = join(folder, 'a.bin');
    const sink = await fileSink(path);
    await Promise.all([0, 1, 2, 3].map((value) => sink.write(new Uint8Array(1000).fill(value))));
    await sink.finish();
    const bytes = await readFile(path);
    expect([0, 1000, 2000, 3000].map((at) => [bytes[at], bytes[at + 999]])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('gives back what was written so far, under the name that errors shall use', async () => {
    const sink = await fileSink(join(folder, 'a.bin'), { label: 'shown' });
    await sink.write(Uint8Array.of(1, 2, 3));
    await sink.write(Uint8Array.of(4));
    expect([...(await sink.read(1, 4))]).toEqual([2, 3, 4]);
    await expect(sink.read(3, 5)).rejects.toMatchObject({ code: 'format', at: { file: 'shown' } });
    await sink.finish();
    await expect(sink.read(0, 1)).rejects.toMatchObject({ code: 'usage', at: { file: 'shown' } });
    expect([...(await readFile(join(folder, 'a.bin')))]).toEqual([1, 2, 3, 4]);
  });

  it('removes the temporary file and keeps the old one when it is aborted', async () => {
    const path = join(folder, 'a.bin');
    await writeFile(path, 'old');
    const filled = fillSink(await fileSink(path), async (sink) => {
      await sink.write(Uint8Array.of(1));
      throw new Error('from outside');
    });
    await expect(filled).rejects.toThrow('from outside');
    expect(await readdir(folder)).toEqual(['a.bin']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('removes the temporary file when it cannot be renamed', async () => {
    const path = join(folder, 'taken');
    await mkdir(path);
    await writeFile(join(path, 'x'), '');
    const sink = await fileSink(path);
    await sink.write(Uint8Array.of(1));
    await expect(sink.finish()).rejects.toMatchObject({ code: 'io', at: { file: path } });
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it('says that the disk is full and removes the temporary file', async () => {
    const path = join(folder, 'a.bin');
    const probe = await open(join(folder, 'probe'), 'w');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const write = vi.spyOn(Object.getPrototypeOf(probe), 'write').mockRejectedValue(full);
    try {
      const sink = await fileSink(path);
      await expect(sink.write(Uint8Array.of(1))).rejects.toMatchObject({
        code: 'io',
        at: { file: path },
        problem: 'cannot be written: the disk is full (ENOSPC)',
        remedy: 'Free some space or choose another disk.',
      });
      await expect(sink.finish()).rejects.toMatchObject({ code: 'usage' });
      await sink.abort();
    } finally {
      write.mockRestore();
      await probe.close();
    }
    expect(await readdir(folder)).toEqual(['probe']);
  });

  it('names the folder that is missing', async () => {
    const path = join(folder, 'none', 'a.bin');
    await expect(fileSink(path)).rejects.toMatchObject({
      code: 'io',
      at: { file: path },
      remedy: 'Check the path, or create the folder.',
    });
  });
});

describe('fileSource', () => {
  it('reads ranges, also at the same time', async () => {
    const path = join(folder, 'a.bin');
    await writeFile(
      path,
      Uint8Array.from({ length: 100 }, (_, i) => i),
    );
    const source = await fileSource(path);
    expect(source.byteLength).toBe(100);
    const [a, b, empty] = await Promise.all([
      source.read(10, 13),
      source.read(97, 100),
      source.read(100, 100),
    ]);
    expect([...a, ...b, ...empty]).toEqual([10, 11, 12, 97, 98, 99]);
    await expect(source.read(99, 101)).rejects.toMatchObject({ code: 'format' });
    await source.close();
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'usage' });
    await source.close();
  });

  it('reports a file that shrank after it was opened', async () => {
    const path = join(folder, 'a.bin');
    await writeFile(path, new Uint8Array(100));
    const source = await fileSource(path);
    await truncate(path, 50);
    await expect(source.read(40, 60)).rejects.toMatchObject({ code: 'format', at: { file: path } });
    await source.close();
  });

  it('refuses a missing file and a folder', async () => {
    await expect(fileSource(join(folder, 'none'))).rejects.toMatchObject({ code: 'io' });
    await expect(fileSource(folder)).rejects.toMatchObject({ code: 'io' });
  });
});
