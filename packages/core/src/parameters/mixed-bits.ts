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
