import { bytesOf } from '../bytes/byte-source.js';
import { TampError } from '../errors/tamp-error.js';
import type { UniformRange } from '../uniform/uniform-quantization.js';
import type { MixedBitsStorage } from './parameter.js';

/** Reads numbers of varying width from a dense bit stream, least significant bit first. */
function bitReader(bytes: Uint8Array): (bits: number) => number {
  let at = 0;
  let held = 0;
  let count = 0;
  return (bits) => {
    while (count < bits) {
      held |= bytes[at++] << count;
      count += 8;
    }
    const value = held & ((1 << bits) - 1);
    held >>>= bits;
    count -= bits;
    return value;
  };
}

/**
 * The values of mixed-bits storage. `length` elements; value = (level · fround(1/(2^b − 1))) · (maximum − minimum) +
 * minimum in float32, with its group's b (the uniform quantization of DiffQ, arXiv 2104.09987).
 */
export function decodeMixedBits(
  storage: Pick<MixedBitsStorage, 'groupSize' | 'minBits' | 'codeBits' | 'minimum' | 'maximum'>,
  length: number,
  codes: Uint8Array,
  levels: Uint8Array,
): Float32Array {
  const nextCode = bitReader(codes);
  const nextLevel = bitReader(levels);
  const range = Math.fround(storage.maximum - storage.minimum);
  const values = new Float32Array(length);
  for (let start = 0; start < length; start += storage.groupSize) {
    const bits = storage.minBits + (storage.codeBits === 0 ? 0 : nextCode(storage.codeBits));
    const unit = Math.fround(1 / (2 ** bits - 1));
    for (let i = start; i < Math.min(length, start + storage.groupSize); i++) {
      values[i] = Math.fround(Math.fround(nextLevel(bits) * unit) * range) + storage.minimum;
    }
  }
  return values;
}

/** A stream of numbers of varying width, least significant bit first; zero bits fill the last byte. */
function bitStream(
  totalBits: number,
  write: (push: (value: number, bits: number) => void) => void,
): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(totalBits / 8));
  let at = 0;
  let held = 0;
  let count = 0;
  write((value, bits) => {
    // At most 7 bits are held, so 16 more fit.
    held |= value << count;
    count += bits;
    while (count >= 8) {
      bytes[at++] = held;
      held >>>= 8;
      count -= 8;
    }
  });
  if (count > 0) bytes[at] = held;
  return bytes;
}

/** Levels of uniform quantization with a number of bits per group; see `quantizeUniform`. */
export interface MixedBitsLevels {
  /** Of all elements in order. */
  readonly levels: Uint8Array | Uint16Array;
  /** Of each group of consecutive elements; the groups are of one size. */
  readonly bits: Uint8Array;
  /** The fewest bits a group may have: what the stored bits are counted from. */
  readonly minBits: number;
  readonly range: UniformRange;
}

/**
 * Levels as mixed-bits storage in memory. Throws a `TampError` (`usage`) when groups do not divide the elements or a
 * group has fewer than `minBits`, and (`data`) for a level that does not fit its bits.
 */
export function mixedBitsStorage({ levels, bits, minBits, range }: MixedBitsLevels): MixedBitsStorage {
  const groupSize = levels.length / bits.length;
  if (!Number.isInteger(groupSize) || bits.some((b) => b < minBits)) {
    throw new TampError(
      `${bits.length} groups of ${minBits} bits or more do not fit ${levels.length} levels`,
      {
        code: 'usage',
      },
    );
  }
  const largest = bits.reduce((most, b) => Math.max(most, b), minBits);
  const codeBits = largest === minBits ? 0 : 32 - Math.clz32(largest - minBits);
  const codes = bitStream(codeBits * bits.length, (push) => {
    if (codeBits > 0) for (const b of bits) push(b - minBits, codeBits);
  });
  const total = bits.reduce((sum, b) => sum + b * groupSize, 0);
  const stream = bitStream(total, (push) => {
    for (let i = 0; i < levels.length; i++) {
      const width = bits[Math.floor(i / groupSize)];
      if (levels[i] >> width !== 0) {
        throw new TampError(`the level ${levels[i]} at position ${i} does not fit ${width} bits`, {
          code: 'data',
        });
      }
      push(levels[i], width);
    }
  });
  return {
    kind: 'mixed-bits',
    groupSize,
    minBits,
    codeBits,
    codes: bytesOf(codes),
    levels: bytesOf(stream),
    minimum: range.min,
    maximum: range.max,
  };
}
