import { expect, it } from 'vitest';
import { blobSink } from '../src/engine/host/blob-sink.js';

it('keeps what is written, which can be read before it is complete', async () => {
  const sink = blobSink('a.tamp.zip');
  const size = 3 * 2 ** 20;
  const piece = new Uint8Array(size);
  for (const value of [1, 2, 3]) {
    // The array is the caller's again once it is written.
    await sink.write(piece.fill(value));
  }
  expect([...(await sink.read(size - 2, size + 2))]).toEqual([1, 1, 2, 2]);
  expect([...(await sink.read(3 * size - 1, 3 * size))]).toEqual([3]);
  await expect(sink.read(0, 3 * size + 1)).rejects.toThrow('a.tamp.zip');
  await sink.finish();
  const blob = await sink.blob();
  expect([blob.size, blob.type]).toEqual([3 * size, 'application/zip']);
  expect([...new Uint8Array(await blob.slice(2 * size - 1, 2 * size + 1).arrayBuffer())]).toEqual([2, 3]);
  await sink.discard();
  expect((await sink.blob()).size).toBe(0);
});
