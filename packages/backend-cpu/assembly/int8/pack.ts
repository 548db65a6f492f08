/** Channels of one packed panel. */
export const CHANNELS: i32 = 16;
/** Bytes before a panel's levels: Σ of each channel's levels, int32 [16]. */
export const PANEL_HEADER: usize = 64;

/** Bytes of one panel: header, then levels [kPadded / 4][16][4], zeros past the matrix. */
// @ts-ignore: decorator
@inline
export function panelBytes(kPadded: i32): usize {
  return PANEL_HEADER + (<usize>kPadded << 4);
}

/** The argument block of {@link packInt8}. */
@unmanaged
export class PackInt8 {
  /** Levels + 128 as bytes, rows of `wordsPerRow` 32-bit words. */
  words: usize;
  wordsPerRow: i32;
  panels: usize;
  rows: i32;
  k: i32;
  kPadded: i32;
}

/** Packs an int8 weight. Units: panels. */
export function packInt8(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const p = changetype<PackInt8>(args),
    bytes = panelBytes(p.kPadded);
  for (let unit = begin; unit < end; unit++) {
    const panel = p.panels + <usize>unit * bytes,
      levels = panel + PANEL_HEADER,
      n0 = unit * CHANNELS,
      channels = min(CHANNELS, p.rows - n0);
    memory.fill(panel, 0, bytes);
    for (let n = 0; n < channels; n++) {
      const row = p.words + ((<usize>(n0 + n) * <usize>p.wordsPerRow) << 2);
      let sum = 0,
        out = levels + (<usize>n << 2);
      for (let k = 0; k < p.k; k++) {
        const level = <i32>load<u8>(row + <usize>k) - 128;
        sum += level;
        store<i8>(out + <usize>(k & 3), <i8>level);
        if ((k & 3) == 3) out += CHANNELS << 2;
      }
      store<i32>(panel + (<usize>n << 2), sum);
    }
  }
}
