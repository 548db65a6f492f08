import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stagingFolder } from '../src/host/staging-folder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-staging-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('what a killed process has left is removed, what a living one is writing and all else stays', async () => {
  const mine = basename(await stagingFolder(folder));
  const ended = spawnSync(process.execPath, ['-e', '0']);
  const left = mine.replace(`-${process.pid}-`, `-${ended.pid}-`);
  expect(left).not.toBe(mine);
  mkdirSync(join(folder, left));
  writeFileSync(join(folder, left, 'model.tamp.zip'), 'half');
  mkdirSync(join(folder, '.tamp-other'));
  const next = basename(await stagingFolder(folder));
  expect(readdirSync(folder).sort()).toEqual(['.tamp-other', mine, next].sort());
});
