import { TampError } from '../errors/tamp-error.js';

/**
 * Bytes that can be read by ranges and need not be in memory: a file, a Blob, a URL, part of an archive, or an
 * array. Reading never changes the source, so ranges may be read in any order and at the same time.
 */
export interface ByteSource {
  /** What to call it in errors: a path, a URL, an entry's name. */
  readonly label: string;
  readonly byteLength: number;
  /**
   * The bytes `[start, end)`. The result may share memory with the source: do not write to it.
   * Rejects with a `TampError` (`io`, or `format` when the source ends early).
   */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Throws a `TampError` unless `[start, end)` lies within the source. */
export function checkRange(
  source: Pick<ByteSource, 'label' | 'byteLength'>,
  start: number,
  end: number,
): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || end < start || end > source.byteLength) {
    throw new TampError(`bytes ${start} to ${end} lie outside its ${source.byteLength} bytes`, {
      code: 'format',
      at: { file: source.label },
      remedy: 'The file is truncated or damaged: fetch or write it again.',
    });
  }
}

/** An array as a byte source; it is shared, not copied. */
export function bytesOf(array: ArrayBufferView, label = 'memory'): ByteSource {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return {
    label,
    byteLength: bytes.byteLength,
    async read(start, end) {
      checkRange(this, start, end);
      return bytes.subarray(start, end);
    },
  };
}

/** The part `[start, end)` of a source, as a source of its own that reads nothing until asked. */
export function sliceOf(
  source: ByteSource,
  start: number,
  end: number,
  label: string = source.label,
): ByteSource {
  checkRange(source, start, end);
  return {
    label,
    byteLength: end - start,
    async read(from, to) {
      checkRange(this, from, to);
      return source.read(start + from, start + to);
    },
  };
}

/** All bytes of a source. */
export function readAll(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, source.byteLength);
}
