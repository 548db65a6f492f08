import { EDGE_BYTES, multiplyPanels } from '../gemm/driver-f32';
import { axpyColumns } from '../gemm/few-rows-f32';
import { packColumns, packRows } from '../gemm/pack-f32';
import { PANEL } from '../gemm/tile-f32';
import { keyScores } from './key-scores';
import { expSum, largest, scaleRow } from './softmax';

/** The argument block of {@link attention}. */
@unmanaged
export class Attention {
  /** float32 [batch, queries, heads, headSize]. */
  q: usize;
  /** float32 [batch, keys, keyValueHeads, headSize]. */
  k: usize;
  v: usize;
  out: usize;
  queries: i32;
  keys: i32;
  heads: i32;
  keyValueHeads: i32;
  headSize: i32;
  scale: f32;
  /** Queries of one unit, and how many such blocks there are. */
  queriesPerUnit: i32;
  queryBlocks: i32;
}

/** Up to this many queries, keys and values are read where they lie; the bits are those of the other way. */
const FEW: i32 = 3;

/**
 * Causal attention; the queries are the last positions. Units: batch × heads × query blocks. Scratch, in this
 * order: one tile; packed keys; packed values; scores.
 */
export function attention(args: usize, begin: i32, end: i32, scratch: usize): void {
  const t = changetype<Attention>(args),
    size = t.headSize,
    ldq = <usize>(t.heads * size) << 2,
    ldk = <usize>(t.keyValueHeads * size) << 2,
    keyPanelBytes = <usize>size << 5,
    packedKeys = scratch + EDGE_BYTES,
    packedValues = packedKeys + <usize>((t.keys + PANEL - 1) / PANEL) * keyPanelBytes,
    scores = packedValues + <usize>((size + PANEL - 1) / PANEL) * (<usize>t.keys << 5);
  for (let unit = begin; unit < end; unit++) {
    const block = unit % t.queryBlocks,
      head = (unit / t.queryBlocks) % t.heads,
      batch = <usize>(unit / t.queryBlocks / t.heads),
      shared = head / (t.heads / t.keyValueHeads),
      q0 = block * t.queriesPerUnit,
      rows = min(t.queriesPerUnit, t.queries - q0),
      // Keys before the block's first query, itself included; the last query sees `keys`.
      visible = t.keys - t.queries + q0 + 1,
      keys = visible + rows - 1;
    const offset = (batch * <usize>t.queries + <usize>q0) * ldq + (<usize>(head * size) << 2),
      source = batch * <usize>t.keys * ldk + (<usize>(shared * size) << 2),
      q = t.q + offset,
      out = t.out + offset,
      k = t.k + source,
      v = t.v + source,
      lds = <usize>keys << 2,
      few = t.queries <= FEW;
    if (few) {
      for (let r = 0; r < rows; r++) keyScores(q + <usize>r * ldq, k, ldk, size, keys, scores + <usize>r * lds);
    } else {
      for (let n = 0; n < keys; n += PANEL)
        packRows(k + <usize>n * ldk, ldk, min(PANEL, keys - n), size, packedKeys + <usize>(n / PANEL) * keyPanelBytes);
      multiplyPanels(q, ldq, rows, packedKeys, keyPanelBytes, keys, size, scores, lds, true, scratch);
    }
    for (let r = 0; r < rows; r++) {
      const row = scores + <usize>r * lds,
        seen = visible + r,
        // A negative scale turns the order around; the largest product is then the smallest score's.
        shift: f32 = t.scale >= 0 ? largest(row, seen) * t.scale : largestScaled(row, seen, t.scale);
      scaleRow(row, seen, <f32>1 / expSum(row, seen, t.scale, shift, row, scratch));
      memory.fill(row + (<usize>seen << 2), 0, <usize>(keys - seen) << 2);
    }
    if (few) {
      for (let r = 0; r < rows; r++) axpyColumns(scores + <usize>r * lds, v, ldk, keys, size, out + <usize>r * ldq);
    } else {
      for (let n = 0; n < size; n += PANEL)
        packColumns(
          v + (<usize>n << 2), ldk, min(PANEL, size - n), keys, packedValues + <usize>(n / PANEL) * (<usize>keys << 5),
        );
      multiplyPanels(scores, lds, rows, packedValues, <usize>keys << 5, size, keys, out, ldq, true, scratch);
    }
  }
}

function largestScaled(x: usize, length: i32, scale: f32): f32 {
  let m: f32 = -Infinity;
  for (let i = 0; i < length; i++) m = max(m, load<f32>(x + (<usize>i << 2)) * scale);
  return m;
}
