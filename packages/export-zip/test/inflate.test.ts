import { Random } from '@tamp/core';
import { deflateSync } from 'fflate';
import { describe, expect, it, vi } from 'vitest';
import { joinPlanes, splitPlanes } from '../src/compression/byte-planes.js';
import { inflate } from '../src/compression/inflate.js';

describe('inflate', () => {
  it('gives back what was deflated, over many pushes', () => {
    const random = new Random(3);
    const bytes = Uint8Array.from({ length: 300_000 }, () => random.integer(40));
    const data = deflateSync(bytes);
    expect(data.length).toBeGreaterThan(100_000);
    expect(inflate(data, bytes.length)).toEqual(bytes);
  });

  it('refuses more, less and no DEFLATE', () => {
    const data = deflateSync(new Uint8Array(1000).fill(7));
    expect(inflate(data, 999)).toBeUndefined();
    expect(inflate(data, 1001)).toBeUndefined();
    expect(inflate(data.subarray(0, data.length - 2), 1000)).toBeUndefined();
    expect(inflate(Uint8Array.of(0xff, 0xff, 0xff), 10)).toBeUndefined();
    expect(inflate(new Uint8Array(0), 10)).toBeUndefined();
  });

  it('stops at the declared size: of 1 GiB of zeros it inflates less than 64 MiB', () => {
    // 16 MiB of zeros end in a block that refers to itself; 64 copies without the final bit make a bomb.
    const bomb = deflateSync(new Uint8Array(16 * 2 ** 20), { level: 9 });
    const pieces = new Uint8Array(bomb.length * 8);
    // Only the first copy matters: it alone is far beyond the size.
    for (let i = 0; i < 8; i++) pieces.set(bomb, i * bomb.length);
    const set = vi.spyOn(Uint8Array.prototype, 'set');
    try {
      expect(inflate(pieces, 1000)).toBeUndefined();
      const copied = set.mock.calls.reduce((sum, [from]) => sum + from.length, 0);
      expect(copied).toBeLessThan(64 * 2 ** 20);
    } finally {
      set.mockRestore();
    }
  });
});

describe('byte planes', () => {
  it.each([2, 4])('of %i-byte numbers put equal places together, and join again', (planes) => {
    const bytes = Uint8Array.from({ length: 12 }, (_, i) => i);
    const split = splitPlanes(bytes, planes);
    expect([...split.subarray(0, 12 / planes)]).toEqual([...bytes].filter((i) => i % planes === 0));
    expect(joinPlanes(split, planes)).toEqual(bytes);
  });
});
