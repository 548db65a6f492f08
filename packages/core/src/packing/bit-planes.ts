import { checkPackedBits, checkPackedLength, checkPackedValues } from './check-packing.js';

/**
 * The two bit-plane layouts of the `diffq` package, neither of which has a header: plane k holds bit k of every
 * value, so a kernel reads as many planes as it has bits. Values are unsigned, of 1 to 16 bits.
 */

/** Words of one strided plane for `count` values: ceil(count / 16). */
export function stridedPlaneLength(count: number): number {
  return Math.ceil(count / 16);
}

/**
 * Strided planes (`torch_pack`): int16 words [bits, G] with G = ceil(count / 16); bit k of value i is bit
 * floor(i / G) of word [k, i mod G].
 */
export function packStridedPlanes(values: ArrayLike<number>, bits: number): Int16Array {
  checkPackedBits(bits);
  checkPackedValues(values, bits, 0);
  const width = stridedPlaneLength(values.length);
  const planes = new Int16Array(bits * width);
  for (let row = 0; row * width < values.length; row++) {
    const start = row * width;
    const end = Math.min(start + width, values.length);
    for (let i = start; i < end; i++) {
      const value = values[i];
      for (let k = 0; k < bits; k++) planes[k * width + i - start] |= ((value >>> k) & 1) << row;
    }
  }
  return planes;
}

/** The `count` values of strided planes. Throws a `TampError` (`usage`) when the number of words is another. */
export function unpackStridedPlanes(planes: Int16Array, bits: number, count: number): Uint16Array {
  checkPackedBits(bits);
  const width = stridedPlaneLength(count);
  checkPackedLength(planes.length, bits * width, 'words');
  const values = new Uint16Array(count);
  for (let row = 0; row * width < count; row++) {
    const start = row * width;
    const end = Math.min(start + width, count);
    for (let i = start; i < end; i++) {
      let value = 0;
      for (let k = 0; k < bits; k++) value |= ((planes[k * width + i - start] >>> row) & 1) << k;
      values[i] = value;
    }
  }
  return values;
}

/** Values of one line of the blocked layout: 32 words of 64 bits. */
const lineLength = 2048;
const wordsPerPlane = 32;

/** 64-bit words of the blocked layout for `count` values. */
export function blockedPlanesLength(count: number, bits: number): number {
  return Math.ceil(count / lineLength) * bits * wordsPerPlane;
}

/**
 * Blocked planes (`bitpack`): int64 words [ceil(count / 2048), bits, 32]; with line = floor(i / 2048) and
 * r = i mod 2048, bit k of value i is bit floor(r / 32) of word [line, k, r mod 32].
 */
export function packBlockedPlanes(values: ArrayLike<number>, bits: number): BigInt64Array<ArrayBuffer> {
  checkPackedBits(bits);
  checkPackedValues(values, bits, 0);
  const planes = new BigInt64Array(blockedPlanesLength(values.length, bits));
  // A 64-bit word as two 32-bit ones, the lower first: 64-bit integer arithmetic would be ten times slower.
  const halves = new Uint32Array(planes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const at = halfOf(i, bits);
    const shift = bitOf(i);
    for (let k = 0; k < bits; k++) halves[at + k * wordsPerPlane * 2] |= ((value >>> k) & 1) << shift;
  }
  return planes;
}

/** The `count` values of blocked planes. Throws a `TampError` (`usage`) when the number of words is another. */
export function unpackBlockedPlanes(planes: BigInt64Array, bits: number, count: number): Uint16Array {
  checkPackedBits(bits);
  checkPackedLength(planes.length, blockedPlanesLength(count, bits), 'words');
  const halves = new Uint32Array(planes.buffer, planes.byteOffset, planes.length * 2);
  const values = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const at = halfOf(i, bits);
    const shift = bitOf(i);
    let value = 0;
    for (let k = 0; k < bits; k++) value |= ((halves[at + k * wordsPerPlane * 2] >>> shift) & 1) << k;
    values[i] = value;
  }
  return values;
}

/** The 32-bit half word of value i in plane 0 of its line. */
function halfOf(i: number, bits: number): number {
  const line = Math.floor(i / lineLength);
  const rest = i % lineLength;
  return (line * bits * wordsPerPlane + (rest % wordsPerPlane)) * 2 + Math.floor(rest / 1024);
}

/** The bit of value i within its half word. */
function bitOf(i: number): number {
  return Math.floor(i / wordsPerPlane) % 32;
}
