import { isTampError, Random } from '@tamp/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/index.js';
import { localHeader } from '../../src/zip/entry-headers.js';
import { readDirectory } from '../../src/zip/read-directory.js';
import { archiveOf, contentsOf } from '../models/contents.js';
import { everyStorage } from '../models/every-storage.js';
import { source } from './forge.js';

let archive: Uint8Array<ArrayBuffer>;
let expected: string;
beforeAll(async () => {
  archive = await archiveOf(everyStorage());
  expected = JSON.stringify(await contentsOf(everyStorage()));
});

/** Opens an archive with one bit changed and reads all of it. */
async function withFlippedBit(bit: number): Promise<'refused' | 'identical' | 'wrong'> {
  const damaged = archive.slice();
  damaged[bit >> 3] ^= 1 << (bit & 7);
  try {
    const contents = await contentsOf(await openArchive(source(damaged)));
    return JSON.stringify(contents) === expected ? 'identical' : 'wrong';
  } catch (error) {
    if (isTampError(error)) return 'refused';
    throw error;
  }
}

describe('an archive with one flipped bit', () => {
  it('is refused, or gives the identical model where the bit means nothing to DEFLATE', async () => {
    const random = new Random(1);
    const outcomes = { refused: 0, identical: 0, wrong: 0 };
    for (let i = 0; i < 1500; i++) outcomes[await withFlippedBit(random.integer(archive.length * 8))]++;
    expect(outcomes.wrong).toBe(0);
    // Padding behind the last block of a DEFLATE stream is at most 7 bits per entry.
    expect(outcomes.identical).toBeLessThan(15);
  });

  it('is refused wherever the bit lies in a header, the directory or the end', async () => {
    const { entries, bytes } = await readDirectory(source(archive));
    const ranges = entries.map((entry) => [entry.offset, entry.offset + localHeader(entry).length]);
    const comment = `tamp 1 ${'0'.repeat(64)}`.length;
    ranges.push([archive.length - 22 - comment - bytes.length, archive.length]);
    for (const [start, end] of ranges) {
      // One bit of each byte, another one in the next.
      for (let byte = start; byte < end; byte++) {
        expect(await withFlippedBit(byte * 8 + (byte % 8)), `byte ${byte}`).toBe('refused');
      }
    }
  });
});

describe('an archive cut short or continued', () => {
  it('is refused at every length', async () => {
    for (let length = 0; length < archive.length; length += 23) {
      await expect(openArchive(source(archive.subarray(0, length)))).rejects.toSatisfy(isTampError);
    }
    for (const extra of [1, 22, 500]) {
      const longer = new Uint8Array(archive.length + extra);
      longer.set(archive);
      await expect(openArchive(source(longer))).rejects.toThrow(/behind its end/);
      longer.fill(0);
      longer.set(archive, extra);
      await expect(openArchive(source(longer))).rejects.toSatisfy(isTampError);
    }
  });
});
