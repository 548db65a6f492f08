import { readdirSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { memorySink, readAll } from '@tamp/core';
import { fileSource } from '@tamp/core/node';
import { fixturePath, fixturesFolder, readTensorFixture } from '@tamp/fixtures';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../src/safetensors-file.js';
import { chunksOf, writeSafetensors } from '../src/writer.js';

const files = readdirSync(fixturesFolder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.safetensors'))
  .map((entry) => relative(fixturesFolder, `${entry.parentPath}${sep}${entry.name}`))
  .sort();

describe('files of the reference implementation', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s: reads as another reader reads it', async (path) => {
    const parts = path.split(sep);
    const expected = readTensorFixture(...parts);
    const source = await fileSource(fixturePath(...parts));
    try {
      const file = await openSafetensors(source);
      expect([...file.tensors.keys()].sort()).toEqual([...expected.names].sort());
      expect(Object.fromEntries(file.metadata)).toEqual(expected.metadata);
      for (const name of expected.names) {
        const tensor = expected.get(name);
        expect(file.tensors.get(name)).toMatchObject({ dtype: tensor.dtype, shape: tensor.shape });
        // Buffers compare natively: element by element this would take most of the test's time.
        expect(Buffer.compare(await readAll(file.tensor(name)), tensor.bytes), name).toBe(0);
      }
    } finally {
      await source.close();
    }
  });

  it.each(files)('%s: is written again byte for byte', async (path) => {
    const source = await fileSource(fixturePath(path));
    try {
      const file = await openSafetensors(source);
      const sink = memorySink();
      // Sorted by name first, so that the writer has to find the order itself.
      const entries = [...file.tensors.values()]
        .sort((a, b) => (a.name < b.name ? 1 : -1))
        .map((info) => ({ ...info, data: () => chunksOf(file.tensor(info.name), 64 * 1024) }));
      await writeSafetensors(sink, entries, file.metadata.size === 0 ? {} : { metadata: file.metadata });
      expect(Buffer.compare(sink.bytes(), await readAll(source))).toBe(0);
    } finally {
      await source.close();
    }
  });
});
