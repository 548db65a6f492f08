import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolder } from '../../src/node.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('makes what is missing and gives the outermost of it', async () => {
  expect(await makeFolder(join(folder, 'a', 'b', 'c'))).toBe(join(folder, 'a'));
  expect(await readdir(join(folder, 'a', 'b'))).toEqual(['c']);
  expect(await makeFolder(join(folder, 'a', 'b'))).toBeUndefined();
});

it('is made once by two at a time', async () => {
  await Promise.all([makeFolder(join(folder, 'a', 'b')), makeFolder(join(folder, 'a', 'c'))]);
  expect((await readdir(join(folder, 'a'))).sort()).toEqual(['b', 'c']);
});

it('below a file is one plain error, by the name that errors shall use', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file', 'a'), 'shown')).rejects.toMatchObject({
    code: 'io',
    at: { file: 'shown' },
    problem: expect.stringContaining('part of its path is not a folder'),
  });
});

it.runIf(process.platform === 'linux')('where no folder can be made ends with an error', async () => {
  await expect(makeFolder('/proc/x/y')).rejects.toMatchObject({ code: 'io', at: { file: '/proc/x/y' } });
});
