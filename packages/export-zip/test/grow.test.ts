import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesOf, denseStorage, type Model, type Parameter, Random, readParameter } from '@tamp/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportArchive, type GrowingArchiveFile, growArchiveFile, openArchiveFile } from '../src/node.js';
import { contentsOf, sourcesOf } from './models/contents.js';
import { everyStorage } from './models/every-storage.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-grow-'));
});
afterEach(() => rm(folder, { recursive: true }));

const partBytes = 64 * 2 ** 10;
const options = { expectedBytes: 100_000 };

/** Every kind of storage, numbers that deflate, and 200 kB that do not and take entries of their own. */
function model(): Model {
  const random = new Random(5);
  const words = Uint32Array.from({ length: 50_000 }, () => random.integer(2 ** 31));
  const list: readonly Parameter[] = [
    { name: 'noise', shape: [500, 100], storage: denseStorage(new Float32Array(words.buffer)) },
    { name: 'ones', shape: [200, 100], storage: denseStorage(new Float32Array(20_000).fill(1)) },
  ];
  const small = everyStorage();
  const extra = list.map((parameter) => [parameter.name, parameter] as const);
  return { ...small, parameters: new Map([...small.parameters, ...extra]) };
}

/** The model with some of its parameters as they read from the archive. */
async function put(growing: GrowingArchiveFile, of: Model, names: Iterable<string>): Promise<Model> {
  const parameters = new Map(of.parameters);
  for (const name of names) {
    const parameter = parameters.get(name);
    if (parameter !== undefined) parameters.set(name, await growing.put(parameter));
  }
  return { ...of, parameters };
}

describe('an archive that grows', () => {
  it('has the bytes of one that is written at once when parameters come in the order of the model', async () => {
    const whole = join(folder, 'whole.tamp.zip');
    await exportArchive(model(), whole);
    const path = join(folder, 'grown.tamp.zip');
    const growing = growArchiveFile(path, options);
    const of = model();
    const seen: number[] = [];
    // The rest is written by finish.
    const grown = await put(growing, of, [...of.parameters.keys()].slice(0, 5));
    expect((await readdir(folder)).filter((name) => name.endsWith('.tamp.zip'))).toEqual(['whole.tamp.zip']);
    await growing.finish(grown, { onProgress: ({ bytes, totalBytes }) => seen.push(bytes / totalBytes) });
    expect((await readFile(path)).equals(await readFile(whole))).toBe(true);
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen.at(-1)).toBe(1);
  });

  it('gives parameters back as they were, gathered, placed and inflated, in one part and in several', async () => {
    for (const packing of [{}, { partBytes }, { compression: 'store' as const }]) {
      const path = join(folder, 'model.tamp.zip');
      const of = model();
      const growing = growArchiveFile(path, { ...options, ...packing });
      const grown = await put(growing, of, [...of.parameters.keys()].reverse());
      expect(await contentsOf(grown)).toEqual(await contentsOf(of));
      for (const [name, parameter] of grown.parameters) {
        const before = of.parameters.get(name);
        for (const [role, source] of Object.entries(sourcesOf(parameter))) {
          const original = before === undefined ? undefined : sourcesOf(before)[role];
          expect(source).not.toBe(original);
          const [start, end] = [Math.floor(source.byteLength / 3), Math.ceil(source.byteLength / 2)];
          expect(await source.read(start, end)).toEqual(await original?.read(start, end));
        }
      }
      await growing.finish(grown);
      const opened = await openArchiveFile(path);
      expect(await contentsOf(opened.model)).toEqual(await contentsOf(of));
      await opened.close();
      await rm(path);
    }
  });

  it('gives the same bytes for the same calls, whatever is read between them', async () => {
    const archives: Buffer[] = [];
    for (const reads of [false, true]) {
      const path = join(folder, `${reads}.tamp.zip`);
      const growing = growArchiveFile(path, options);
      let of = model();
      for (const name of ['tied', 'noise', 'bias.b']) {
        of = await put(growing, of, [name]);
        const written = of.parameters.get(name);
        if (reads && written !== undefined) await readParameter(written);
      }
      await growing.finish(of);
      archives.push(await readFile(path));
    }
    expect(archives[1].equals(archives[0])).toBe(true);
  });

  it('stores bytes once that two parameters share', async () => {
    const path = join(folder, 'shared.tamp.zip');
    const growing = growArchiveFile(path, { ...options, compression: 'store' });
    let of = await put(growing, model(), ['noise']);
    const noise = of.parameters.get('noise');
    if (noise === undefined) return expect.unreachable();
    of = { ...of, parameters: new Map([...of.parameters, ['twin', { ...noise, name: 'twin' }]]) };
    const { bytes } = await growing.finish(of);
    const alone = await exportArchive(model(), join(folder, 'alone.tamp.zip'), { compression: 'store' });
    // A line in the manifest more, not 200 kB.
    expect(bytes - alone.bytes).toBeLessThan(500);
  });

  it('is written anew where a finished parameter was replaced or taken out', async () => {
    const whole = join(folder, 'whole.tamp.zip');
    await exportArchive(model(), whole);
    const path = join(folder, 'grown.tamp.zip');
    const growing = growArchiveFile(path, options);
    const other = { name: 'noise', shape: [500, 100], storage: denseStorage(new Float32Array(50_000)) };
    await growing.put(other);
    await growing.put({ ...other, name: 'gone' });
    await growing.finish(await put(growing, model(), ['tied', 'noise']));
    expect((await readFile(path)).equals(await readFile(whole))).toBe(true);
    expect((await readdir(folder)).sort()).toEqual(['grown.tamp.zip', 'whole.tamp.zip']);
  });

  it('leaves nothing when it is aborted, or a parameter or the rest cannot be written', async () => {
    const path = join(folder, 'model.tamp.zip');
    const aborted = growArchiveFile(path, { ...options, partBytes });
    await put(aborted, model(), ['noise']);
    expect((await readdir(folder)).length).toBeGreaterThan(1);
    await aborted.abort();
    expect(await readdir(folder)).toEqual([]);

    const wrong = growArchiveFile(path, options);
    const noise = { name: 'noise', shape: [3], storage: denseStorage(new Float32Array(2)) };
    await expect(wrong.put(noise)).rejects.toMatchObject({ code: 'data', at: { layer: 'noise' } });
    await wrong.abort();

    const broken = { ...bytesOf(new Uint8Array(400)), read: () => Promise.reject(new Error('gone')) };
    const storage = { kind: 'dense', dtype: 'float32', bytes: broken } as const;
    const failing = growArchiveFile(path, options);
    const of = await put(failing, model(), ['noise']);
    const parameters = new Map([...of.parameters, ['ones', { name: 'ones', shape: [100], storage }]]);
    await expect(failing.finish({ ...of, parameters })).rejects.toThrow('gone');
    expect(await readdir(folder)).toEqual([]);
  });
});
