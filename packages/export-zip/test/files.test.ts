import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ByteSink,
  bytesOf,
  denseStorage,
  isTampError,
  type Model,
  memorySink,
  Random,
  readAll,
  TampError,
} from '@tamp/core';
import { unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchive, partName, writeArchive } from '../src/index.js';
import { exportArchive, openArchiveFile } from '../src/node.js';
import { contentsOf } from './models/contents.js';
import { everyStorage } from './models/every-storage.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-export-zip-'));
});
afterEach(() => rm(folder, { recursive: true }));

const partBytes = 64 * 2 ** 10;

/** A model of 200 kB that does not compress, so of four parts of 64 KiB. */
function wide(): Model {
  const random = new Random(5);
  const words = Uint32Array.from({ length: 50_000 }, () => random.integer(2 ** 31));
  const model = everyStorage();
  const noise = { name: 'noise', shape: [500, 100], storage: denseStorage(new Float32Array(words.buffer)) };
  return { ...model, parameters: new Map([...model.parameters, ['noise', noise]]) };
}

describe('exportArchive and openArchiveFile', () => {
  it('write one file that reads the same', async () => {
    const path = join(folder, 'model.tamp.zip');
    const seen: number[] = [];
    const { paths, bytes } = await exportArchive(everyStorage(), path, {
      onProgress: (progress) => seen.push(progress.bytes / progress.totalBytes),
    });
    expect(paths).toEqual([path]);
    expect(await readdir(folder)).toEqual(['model.tamp.zip']);
    expect((await readFile(path)).length).toBe(bytes);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
    const { model, close } = await openArchiveFile(path);
    expect(await contentsOf(model)).toEqual(await contentsOf(everyStorage()));
    await close();
    const asset = model.assets.get('tokenizer.json');
    await expect(asset && readAll(asset)).rejects.toThrow(/is closed/);
  });

  it('split a large model into parts, each a ZIP of its own', async () => {
    const path = join(folder, 'model.tamp.zip');
    const { paths, bytes } = await exportArchive(wide(), path, { partBytes });
    expect(paths.length).toBeGreaterThan(3);
    expect(paths[1]).toBe(join(folder, 'model.part-0001.tamp.zip'));
    expect((await readdir(folder)).length).toBe(paths.length);
    let total = 0;
    for (const part of paths) {
      const file = await readFile(part);
      total += file.length;
      if (part !== path) expect(file.length).toBeLessThanOrEqual(partBytes);
      expect(Object.keys(unzipSync(file)).includes('manifest.json')).toBe(part === path);
    }
    expect(total).toBe(bytes);
    const { model, close } = await openArchiveFile(path);
    expect(await contentsOf(model)).toEqual(await contentsOf(wide()));
    await close();
  });

  it('refuse parts that are missing, of another archive, or alone', async () => {
    const path = join(folder, 'model.tamp.zip');
    const { paths } = await exportArchive(wide(), path, { partBytes });
    await expect(openArchiveFile(paths[1])).rejects.toThrow(/is part 1 of an archive/);
    await expect(openArchive(bytesOf(await readFile(path)))).rejects.toMatchObject({ code: 'usage' });
    const second = await readFile(paths[2]);
    await copyFile(paths[1], paths[2]);
    await expect(openArchiveFile(path)).rejects.toThrow(/is not part 2 of this archive|of the archive has/);
    const flipped = Buffer.from(second);
    // The checksum of an entry in the central directory.
    flipped[flipped.length - 22 - 'tamp 1 part 2'.length - 30] ^= 1;
    await writeFile(paths[2], flipped);
    await expect(openArchiveFile(path)).rejects.toSatisfy(isTampError);
    await writeFile(paths[2], second.subarray(1));
    await expect(openArchiveFile(path)).rejects.toThrow(/but part 2 of the archive has/);
    await rm(paths[2]);
    await expect(openArchiveFile(path)).rejects.toMatchObject({ code: 'io' });
    await writeFile(paths[2], second);
    await (await openArchiveFile(path)).close();
  });
});

describe('a failed export', () => {
  const failing = (): Model => {
    const model = wide();
    const broken = {
      ...bytesOf(new Uint8Array(200_000)),
      read: () => Promise.reject(new TampError('the disk is gone', { code: 'io' })),
    };
    const storage = { kind: 'dense', dtype: 'float32', bytes: broken } as const;
    return {
      ...model,
      parameters: new Map([...model.parameters, ['last', { name: 'last', shape: [500, 100], storage }]]),
    };
  };

  it('leaves nothing, and an older archive as it was', async () => {
    const path = join(folder, 'model.tamp.zip');
    await expect(exportArchive(failing(), path, { partBytes })).rejects.toThrow(/the disk is gone/);
    expect(await readdir(folder)).toEqual([]);
    await exportArchive(everyStorage(), path);
    const before = await readFile(path);
    await expect(exportArchive(failing(), path, { partBytes })).rejects.toThrow(/the disk is gone/);
    expect(await readdir(folder)).toEqual(['model.tamp.zip']);
    expect(before.equals(await readFile(path))).toBe(true);
  });

  it('leaves nothing when it is aborted', async () => {
    const path = join(folder, 'model.tamp.zip');
    const controller = new AbortController();
    const running = exportArchive(wide(), path, {
      partBytes,
      signal: controller.signal,
      onProgress: ({ bytes, totalBytes }) => {
        if (bytes > totalBytes / 2) controller.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([0, 2])('leaves nothing when part %i cannot be renamed', async (blocked) => {
    const path = join(folder, 'model.tamp.zip');
    await mkdir(partName(path, blocked));
    await expect(exportArchive(wide(), path, { partBytes })).rejects.toMatchObject({ code: 'io' });
    expect((await readdir(folder)).length).toBe(1);
  });

  it('aborts every sink when one of them is full', async () => {
    const states: string[] = [];
    const openPart = async (index: number): Promise<ByteSink> => ({
      ...memorySink(),
      async write() {
        if (index === 2) throw new TampError('cannot be written: the disk is full', { code: 'io' });
      },
      async finish() {
        states.push(`finished ${index}`);
      },
      async abort() {
        states.push(`aborted ${index}`);
      },
    });
    await expect(writeArchive(wide(), openPart, { partBytes })).rejects.toThrow(/the disk is full/);
    expect(states).toEqual(['aborted 0', 'aborted 1', 'aborted 2']);
  });

  it('refuses impossible parts before it writes', async () => {
    for (const size of [0, 1000, 5e9, Number.NaN]) {
      await expect(
        exportArchive(wide(), join(folder, 'x.tamp.zip'), { partBytes: size }),
      ).rejects.toMatchObject({
        code: 'usage',
      });
    }
    const asset = bytesOf(
      new Uint8Array(new Uint32Array(50_000).map((_, i) => (i * 2654435761) >>> 0).buffer),
    );
    const model: Model = { ...everyStorage(), assets: new Map([['big.bin', asset]]) };
    await expect(
      exportArchive(model, join(folder, 'x.tamp.zip'), { partBytes, compression: 'store' }),
    ).rejects.toThrow(/does not fit a part/);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('partName', () => {
  it.each([
    ['a/model.tamp.zip', 'a/model.part-0002.tamp.zip'],
    ['model.zip', 'model.part-0002.zip'],
    ['model', 'model.part-0002'],
    ['https://host/m.tamp.zip', 'https://host/m.part-0002.tamp.zip'],
  ])('puts the number before the suffix of %s', (name, expected) => {
    expect(partName(name, 2)).toBe(expected);
    expect(partName(name, 0)).toBe(name);
  });
});
