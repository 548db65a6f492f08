/**
 * The byte-plane filter (the shuffle of Blosc and HDF5): all lowest bytes of the numbers, then all second bytes, and
 * so on. Sign and exponent of neighbouring weights are alike, so DEFLATE finds them once they lie together.
 */
export function splitPlanes(bytes: Uint8Array, planes: number): Uint8Array {
  const count = bytes.length / planes;
  const split = new Uint8Array(bytes.length);
  for (let plane = 0; plane < planes; plane++) {
    const target = plane * count;
    for (let i = 0, from = plane; i < count; i++, from += planes) split[target + i] = bytes[from];
  }
  return split;
}

/** Undoes {@link splitPlanes}. */
export function joinPlanes(split: Uint8Array, planes: number): Uint8Array {
  const count = split.length / planes;
  const bytes = new Uint8Array(split.length);
  for (let plane = 0; plane < planes; plane++) {
    const source = plane * count;
    for (let i = 0, to = plane; i < count; i++, to += planes) bytes[to] = split[source + i];
  }
  return bytes;
}
