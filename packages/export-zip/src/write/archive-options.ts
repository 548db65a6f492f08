import { TampError } from '@tamp/core';
import type { Crc32 } from '../checksum/crc32.js';
import type { CompressionPolicy, Deflate } from '../compression/compress.js';

/** How an archive is packed. */
export interface PackingOptions {
  /**
   * `auto` (default) deflates an entry where that saves enough: 3% of it in models below 64 MiB, 15% by a sample in
   * larger ones, where inflating costs time. `store` never deflates; `smallest` takes whatever is smallest.
   */
  readonly compression?: 'auto' | 'store' | 'smallest';
  /**
   * A part is closed when it holds this many bytes; the manifest comes on top in the first one. 64 KiB to
   * 4,000,000,000 (default): a ZIP without extensions ends at 4 GiB.
   */
  readonly partBytes?: number;
}

/** How the writing of a model is told and ended. */
export interface WritingOptions {
  /** Told after each chunk how many of the model's bytes have been written. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly totalBytes: number }) => void;
  /** Aborting it rejects with its reason, between two chunks. */
  readonly signal?: AbortSignal;
}

const smallestPartBytes = 64 * 2 ** 10;
const largestPartBytes = 4_000_000_000;
/** Below this, time does not matter and every saving is worth having. */
const smallModelBytes = 64 * 2 ** 20;

/** What a platform computes faster than JavaScript does. */
export interface ArchiveTools {
  readonly crc32: Crc32;
  /**
   * For the numbers of large models, where time matters. Small archives are deflated by fflate everywhere, and so have
   * the same bytes on every platform.
   */
  readonly deflateNumbers?: Deflate;
}

/** The size of parts; throws a `TampError` (`usage`) for an impossible one. */
export function checkPartBytes({ partBytes = largestPartBytes }: PackingOptions): number {
  if (partBytes >= smallestPartBytes && partBytes <= largestPartBytes) return partBytes;
  throw new TampError(`parts of ${partBytes} bytes are not possible`, {
    code: 'usage',
    remedy: `Choose ${smallestPartBytes} to ${largestPartBytes} for partBytes.`,
  });
}

/** When entries of a model of `totalBytes` are deflated, and how. */
export function policyFor(
  { compression = 'auto' }: PackingOptions,
  totalBytes: number,
  { deflateNumbers }: ArchiveTools,
): CompressionPolicy {
  switch (compression) {
    case 'store':
      return { store: true, level: 6, leastSaving: 0 };
    case 'smallest':
      return { store: false, level: 9, leastSaving: 0 };
    case 'auto':
      return totalBytes < smallModelBytes
        ? { store: false, level: 6, leastSaving: 0.03 }
        : {
            store: false,
            level: 6,
            leastSaving: 0.15,
            sampleBytes: 64 * 2 ** 10,
            ...(deflateNumbers === undefined ? {} : { deflate: deflateNumbers }),
          };
  }
}
