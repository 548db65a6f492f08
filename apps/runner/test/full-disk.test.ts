import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGraphBuilder, denseStorage, type Model } from '@tamp/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { beginArchive, stageArchive } from '../src/host/stage-archive.js';
import { writeReport } from '../src/report/write-report.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-full-'));
  // Every write to an open file finds the disk full.
  const probe = await open(join(folder, 'probe'), 'w');
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  vi.spyOn(Object.getPrototypeOf(probe), 'write').mockRejectedValue(full);
  await probe.close();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

function model(): Model {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 256] });
  builder.output('y', builder.apply('linear', [x, builder.parameter('w', [256, 256])]));
  const storage = denseStorage(new Float32Array(256 * 256));
  return {
    graph: builder.build(),
    parameters: new Map([['w', { name: 'w', shape: [256, 256], storage }]]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

const fullDisk = (file: string) => ({
  code: 'io',
  at: expect.objectContaining({ file }),
  problem: 'cannot be written: the disk is full (ENOSPC)',
  remedy: 'Free some space or choose another disk.',
});

it('an archive names its destination, not the hidden place it is staged in, and leaves nothing', async () => {
  const path = join(folder, 'out', 'model.tamp.zip');
  await expect(stageArchive(model(), path, { to: path }, {})).rejects.toMatchObject(fullDisk(path));
  expect(await readdir(folder)).toEqual(['probe']);
});

it('an archive that grows does the same', async () => {
  const path = join(folder, 'out', 'model.tamp.zip');
  const growing = await beginArchive(path, { to: path }, 1000);
  const whole = model();
  const [w] = whole.parameters.values();
  await growing.put(w);
  await expect(growing.stage(whole, {})).rejects.toMatchObject(fullDisk(path));
  await growing.discard();
  expect(await readdir(folder)).toEqual(['probe']);
});

it('a report names itself and leaves nothing', async () => {
  const data = {
    model: 'm',
    evaluation: { before: null, after: null },
    sizes: { before: 2, after: 1 },
    artifacts: [],
    layers: [],
    seconds: 1,
    peakMemoryBytes: null,
  };
  for (const name of ['report.html', 'report.json']) {
    const path = join(folder, name);
    await expect(writeReport(data, path)).rejects.toMatchObject(fullDisk(path));
  }
  expect(await readdir(folder)).toEqual(['probe']);
});
