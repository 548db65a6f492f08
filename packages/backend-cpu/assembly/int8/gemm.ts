import { CHANNELS, PANEL_HEADER, panelBytes } from './pack';
import { ROW_PARAMS_BYTES, RowParams } from './quantize';
import {
  tile16Rows1, tile16Rows4, tile16Rows4Widened, tile7Rows1, tile7Rows2, tileSplitRows1, tileWideRows1, tileWideRows2,
  widenedQuarter, widenPanel,
} from './tiles';

/**
 * How the activations lie and what multiplies them: 16-bit levels (with relaxed SIMD, rows that fill no tile are split
 * in halves of four bits); 7-bit levels in bytes; 8-bit levels in bytes.
 */
const FORM_16: i32 = 0;
const FORM_7: i32 = 1;
/** From this many rows on, widening a panel to 16 bits once costs less than in every tile. */
const WIDEN_ROWS: i32 = 32;

/** Bytes of a tile of four rows and 16 channels. */
const TILE_BYTES: usize = 256;
/** Stands for an absent bias. */
const ZEROS: usize = memory.data(64, 16);

/** The argument block of {@link gemmInt8}. */
@unmanaged
export class GemmInt8 {
  /** Packed levels of the activations, as quantizeRows writes them. */
  levels: usize;
  params: usize;
  panels: usize;
  /** float32 [n]. */
  scales: usize;
  /** int32 [n], or 0. */
  zeros: usize;
  /** float32 [n], or 0. */
  bias: usize;
  /** float32 [m, n]; int32 when `raw`. */
  out: usize;
  m: i32;
  n: i32;
  k: i32;
  kPadded: i32;
  form: i32;
  rowsPerUnit: i32;
  rowBlocks: i32;
  /** Leave the integer sums, less `rawShift` times the sums of the weight's levels. */
  raw: i32;
  rawShift: i32;
}

/**
 * Turns one row of a panel's sums into floats:
 * fround(fround(acc − zx·Σwq − zw·Σxq + k·zx·zw) · fround(sx·sw)) + bias.
 */
function finishRow(g: GemmInt8, row: i32, sums: usize, n0: i32, c: usize): void {
  const params = changetype<RowParams>(g.params + <usize>row * ROW_PARAMS_BYTES),
    offset = <usize>n0 << 2,
    scales = g.scales + offset,
    bias = g.bias ? g.bias + offset : ZEROS,
    scale = f32x4.splat(params.scale),
    zx = i32x4.splat(params.zero),
    // Σxq − k·zx: what each step of the weight's zero point takes off.
    perZero = i32x4.splat(params.sum - g.k * params.zero);
  if (g.zeros) {
    const zeros = g.zeros + offset;
    for (let i: usize = 0; i < 64; i += 16)
      v128.store(c + i, i32x4.sub(v128.load(c + i), i32x4.mul(perZero, v128.load(zeros + i))));
  }
  finishFour(c, sums, zx, scale, scales, bias);
  finishFour(c + 16, sums + 16, zx, scale, scales + 16, bias + 16);
  finishFour(c + 32, sums + 32, zx, scale, scales + 32, bias + 32);
  finishFour(c + 48, sums + 48, zx, scale, scales + 48, bias + 48);
}

// @ts-ignore: decorator
@inline
function finishFour(c: usize, sums: usize, zx: v128, scale: v128, scales: usize, bias: usize): void {
  const exact = i32x4.sub(v128.load(c), i32x4.mul(zx, v128.load(sums)));
  v128.store(
    c,
    f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(exact), f32x4.mul(scale, v128.load(scales))), v128.load(bias)),
  );
}

/** Takes the shift of the stored levels out of one row of a panel's sums. */
function unshiftRow(shift: i32, sums: usize, c: usize): void {
  for (let i: usize = 0; i < 64; i += 16)
    v128.store(c + i, i32x4.sub(v128.load(c + i), i32x4.mul(i32x4.splat(shift), v128.load(sums + i))));
}

/** `count` rows of a panel, into `c` where 16 channels have room. `widened`: the panel in 16 bits, or 0. */
// @ts-ignore: decorator
@inline
function tile(g: GemmInt8, a: usize, panel: usize, widened: usize, count: i32, c: usize, ldc: usize): void {
  const b = panel + PANEL_HEADER,
    steps = g.kPadded >> 2;
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (g.form == FORM_7) {
      if (count == 2) tile7Rows2(a, b, steps, c, ldc);
      else tile7Rows1(a, b, steps, c);
      return;
    }
    if (g.form != FORM_16) {
      if (count == 2) tileWideRows2(a, b, steps, c, ldc);
      else tileWideRows1(a, b, steps, c);
      return;
    }
  }
  if (count == 4) {
    const quarter = widenedQuarter(steps);
    for (let i: usize = 0; i < 4; i++) {
      if (widened) tile16Rows4Widened(a, widened + i * quarter, steps, c + (i << 4), ldc);
      else tile16Rows4(a, b + (i << 4), steps, c + (i << 4), ldc);
    }
  } else if (ASC_FEATURE_RELAXED_SIMD) tileSplitRows1(a, b, steps, c);
  else tile16Rows1(a, b, steps, c);
}

/** Units: row blocks × panels. Scratch: one tile of four rows and 16 channels, a panel in 16 bits. */
export function gemmInt8(args: usize, begin: i32, end: i32, scratch: usize): void {
  const g = changetype<GemmInt8>(args),
    panels = (g.n + CHANNELS - 1) / CHANNELS,
    tileRows = g.form == FORM_16 ? 4 : 2,
    rowBytes = <usize>g.kPadded << (g.form == FORM_16 ? 1 : 0),
    whole = g.m - (g.m % tileRows),
    bytes = panelBytes(g.kPadded);
  for (let unit = begin; unit < end; unit++) {
    const n0 = (unit % panels) * CHANNELS,
      panel = g.panels + <usize>(unit % panels) * bytes,
      m0 = (unit / panels) * g.rowsPerUnit,
      m1 = min(m0 + g.rowsPerUnit, g.m),
      inside = n0 + CHANNELS <= g.n,
      width = <usize>min(CHANNELS, g.n - n0) << 2;
    let m = m0,
      widened: usize = 0;
    if (g.form == FORM_16 && m1 - m0 >= WIDEN_ROWS) {
      widened = scratch + TILE_BYTES;
      widenPanel(panel + PANEL_HEADER, g.kPadded >> 2, widened);
    }
    while (m < m1) {
      const count = m < whole ? tileRows : 1,
        target = g.out + ((<usize>m * <usize>g.n + <usize>n0) << 2),
        c = inside ? target : scratch,
        ldc = inside ? <usize>g.n << 2 : 64;
      tile(g, g.levels + <usize>m * rowBytes, panel, widened, count, c, ldc);
      for (let i = 0; i < count; i++) {
        const row = c + <usize>i * ldc;
        if (!g.raw) finishRow(g, m + i, panel, n0, row);
        else if (g.rawShift) unshiftRow(g.rawShift, panel, row);
        if (!inside) memory.copy(target + <usize>i * (<usize>g.n << 2), row, width);
      }
      m += count;
    }
  }
}
