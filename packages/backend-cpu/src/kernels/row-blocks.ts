/** How the rows of a product are cut into units of work. */
export interface RowBlocks {
  readonly rowsPerUnit: number;
  readonly rowBlocks: number;
}

/** Rows of a tile: blocks start at a multiple. */
const TILE_ROWS = 4;

/**
 * Cuts `rows` into blocks: small enough for a block's data to stay in cache, and for every thread to have a few
 * units, yet no smaller than `fewest` rows (each unit reads its part of the weight again).
 */
export function rowBlocks(options: {
  readonly rows: number;
  /** Units that one block of rows makes. */
  readonly unitsPerBlock: number;
  readonly threads: number;
  readonly bytesPerRow: number;
  readonly cacheBytes: number;
  readonly fewest: number;
}): RowBlocks {
  const { rows, unitsPerBlock, threads, bytesPerRow, cacheBytes, fewest } = options;
  const forCache = Math.max(fewest, Math.floor(cacheBytes / bytesPerRow));
  const wanted = threads === 1 ? 1 : Math.ceil((threads * 4) / unitsPerBlock);
  const forThreads = Math.max(fewest, Math.ceil(rows / wanted));
  const block = Math.min(forCache, forThreads);
  if (block >= rows) return { rowsPerUnit: rows, rowBlocks: 1 };
  const rowsPerUnit = Math.ceil(block / TILE_ROWS) * TILE_ROWS;
  return { rowsPerUnit, rowBlocks: Math.ceil(rows / rowsPerUnit) };
}
