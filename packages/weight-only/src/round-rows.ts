import {
  type AffineScheme,
  createPackedRounder,
  type DenseStorage,
  decodeDenseInto,
  denseBytes,
  nextTask,
  type PackedWeight,
  type ScaleFormat,
  type WeightError,
} from '@tamp/core';

/** Numbers that are read and rounded at a time: they stay in the processor's cache. */
const blockElements = 2 ** 18;

/** Blocks between two chances for others to run. */
const blocksPerTask = 16;

/**
 * Rounds a weight to nearest while it is read: in memory are some rows of it and the packed result. The next rows are
 * read while these are rounded. For schemes with a scale per row or group. Rejects with a `TampError` (`data`) that
 * names the layer when a value is NaN or infinite.
 */
export async function roundRows(
  { bytes, dtype }: DenseStorage,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  { layer, scaleDtype }: { readonly layer: string; readonly scaleDtype: ScaleFormat },
  signal: AbortSignal,
): Promise<{ readonly weight: PackedWeight; readonly error: WeightError }> {
  const step = Math.max(1, Math.floor(blockElements / Math.max(1, columns)));
  const rowBytes = columns * denseBytes[dtype];
  const rounder = createPackedRounder(rows, columns, scheme, { layer, scaleFormat: scaleDtype });
  const values = new Float32Array(Math.min(rows, step) * columns);
  const read = (row: number): Promise<Uint8Array> =>
    bytes.read(row * rowBytes, Math.min(rows, row + step) * rowBytes);
  let next: Promise<Uint8Array> = read(0);
  for (let row = 0, block = 1; row < rows; row += step, block++) {
    const current = await next;
    signal.throwIfAborted();
    if (row + step < rows) {
      next = read(row + step);
      // When these rows fail first, nobody waits for the next ones.
      next.catch(() => undefined);
    }
    rounder.add(decodeDenseInto(current, dtype, values));
    if (block % blocksPerTask === 0) await nextTask();
  }
  return rounder.finish();
}
