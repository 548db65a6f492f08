import { packBlockedPlanes, packStridedPlanes, unpackBlockedPlanes, unpackStridedPlanes } from '@tamp/core';
import type { Planes } from './state.js';

/** Packs unsigned values of `bits` bits. */
export function packPlanes(values: ArrayLike<number>, bits: number, layout: Planes['layout']): Planes {
  const count = values.length;
  return layout === 'strided'
    ? { layout, bits, count, words: packStridedPlanes(values, bits) }
    : { layout, bits, count, words: packBlockedPlanes(values, bits) };
}

/** The values of planes. Throws a `TampError` when the number of words does not fit. */
export function unpackPlanes(planes: Planes): Uint16Array {
  return planes.layout === 'strided'
    ? unpackStridedPlanes(planes.words, planes.bits, planes.count)
    : unpackBlockedPlanes(planes.words, planes.bits, planes.count);
}
