import { checkPackedBits, checkPackedLength, checkPackedValues } from './check-packing.js';

/**
 * Dense packing of integers of 1 to 16 bits, as compressed-tensors stores them (from version 0.17 on): signed levels
 * are offset, u = level + 2^(bits - 1); element i of a row occupies bits [i · bits, (i + 1) · bits) of the row,
 * least significant first, and may straddle two words; each row ends on a 32-bit word, the tail is zero.
 * Unsigned values are packed with the flat functions: the same order, one run, whole bytes.
 */

/** 32-bit words per row of `columns` elements. */
export function wordsPerRow(columns: number, bits: number): number {
  return Math.ceil((columns * bits) / 32);
}

/** Bytes that `count` values take in one run. */
export function packedByteLength(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/**
 * Packs signed levels, rows × columns, row by row. Throws a `TampError`: `usage` for another length or an impossible
 * number of bits, `data` for a level outside [-2^(bits-1), 2^(bits-1) - 1].
 */
export function packDense(
  levels: Int8Array | Int16Array,
  bits: number,
  rows: number,
  columns: number,
): Uint32Array {
  checkPackedBits(bits);
  checkPackedLength(levels.length, rows * columns, 'levels');
  const offset = 2 ** (bits - 1);
  const stride = wordsPerRow(columns, bits);
  const words = new Uint32Array(rows * stride);
  // Set when any value has higher bits; the first such value is looked for only then.
  let excess = 0;
  for (let row = 0; row < rows; row++) {
    let at = row * stride;
    let word = 0;
    let filled = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      const value = levels[i] + offset;
      excess |= value >> bits;
      word |= value << filled;
      filled += bits;
      if (filled >= 32) {
        words[at++] = word;
        filled -= 32;
        // The highest `filled` bits did not fit.
        word = value >>> (bits - filled);
      }
    }
    if (filled > 0) words[at] = word;
  }
  if (excess !== 0) checkPackedValues(levels, bits, -offset);
  return words;
}

/**
 * The signed levels that {@link packDense} packed: Int8Array up to 8 bits, Int16Array above.
 * Throws a `TampError` (`usage`) when the number of words is another or of bits impossible.
 */
export function unpackDense(
  words: Uint32Array,
  bits: number,
  rows: number,
  columns: number,
): Int8Array | Int16Array {
  checkPackedBits(bits);
  const stride = wordsPerRow(columns, bits);
  checkPackedLength(words.length, rows * stride, 'words');
  const offset = 2 ** (bits - 1);
  const mask = 2 ** bits - 1;
  const levels = bits <= 8 ? new Int8Array(rows * columns) : new Int16Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    let at = row * stride;
    let word = 0;
    let left = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      if (left >= bits) {
        levels[i] = (word & mask) - offset;
        word >>>= bits;
        left -= bits;
      } else {
        const next = words[at++];
        levels[i] = ((word | (next << left)) & mask) - offset;
        word = next >>> (bits - left);
        left += 32 - bits;
      }
    }
  }
  return levels;
}

/**
 * Packs unsigned values in one run of whole bytes; the tail of the last byte is zero.
 * Throws a `TampError`: `usage` for an impossible number of bits, `data` for a value of 2^bits or more.
 */
export function packFlat(values: Uint8Array | Uint16Array, bits: number): Uint8Array {
  checkPackedBits(bits);
  const bytes = new Uint8Array(packedByteLength(values.length, bits));
  let at = 0;
  let word = 0;
  let filled = 0;
  let excess = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    excess |= value >> bits;
    // At most 7 bits were left over, so 16 more fit.
    word |= value << filled;
    filled += bits;
    while (filled >= 8) {
      bytes[at++] = word;
      word >>>= 8;
      filled -= 8;
    }
  }
  if (filled > 0) bytes[at] = word;
  if (excess !== 0) checkPackedValues(values, bits, 0);
  return bytes;
}

/**
 * The `count` values that {@link packFlat} packed: Uint8Array up to 8 bits, Uint16Array above.
 * Throws a `TampError` (`usage`) when the number of bytes is another or of bits impossible.
 */
export function unpackFlat(bytes: Uint8Array, bits: number, count: number): Uint8Array | Uint16Array {
  checkPackedBits(bits);
  checkPackedLength(bytes.length, packedByteLength(count, bits), 'bytes');
  const mask = 2 ** bits - 1;
  const values = bits <= 8 ? new Uint8Array(count) : new Uint16Array(count);
  let at = 0;
  let word = 0;
  let left = 0;
  for (let i = 0; i < count; i++) {
    while (left < bits) {
      word |= bytes[at++] << left;
      left += 8;
    }
    values[i] = word & mask;
    word >>>= bits;
    left -= bits;
  }
  return values;
}
