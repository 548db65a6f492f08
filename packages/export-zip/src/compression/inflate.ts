import { Inflate } from 'fflate';

/** DEFLATE expands at most about 1032 times, so one push of this size yields at most 16 MiB. */
const pushBytes = 16 * 2 ** 10;

/**
 * Inflates to exactly `length` bytes, or gives undefined when the data holds more, fewer or is no DEFLATE stream.
 * Stops soon after more than `length` bytes have come out.
 */
export function inflate(data: Uint8Array, length: number): Uint8Array | undefined {
  const contents = new Uint8Array(length);
  let filled = 0;
  let excess = false;
  const stream = new Inflate((bytes) => {
    if (filled + bytes.length > length) excess = true;
    else contents.set(bytes, filled);
    filled += bytes.length;
  });
  try {
    for (let start = 0; start < data.length && !excess; start += pushBytes) {
      const end = Math.min(data.length, start + pushBytes);
      stream.push(data.subarray(start, end), end === data.length);
    }
  } catch {
    return undefined;
  }
  return filled === length ? contents : undefined;
}
