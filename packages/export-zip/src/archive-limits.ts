/** Caps on what an archive may make the reader allocate. Each is checked before anything is allocated. */
export interface ArchiveLimits {
  /** Largest manifest, in bytes of JSON. Default 16 MiB, enough for parameters of several hundred GB. */
  readonly manifestBytes: number;
  /** Most values (items and fields) in the manifest. Default 1,000,000. */
  readonly manifestValues: number;
  /** Largest asset, in bytes. Default 256 MiB. */
  readonly assetBytes: number;
  /**
   * Contents of entries that were read in part stay in memory up to this many bytes, so that neighbouring small
   * parameters and rows do not inflate the same entry again. Default 16 MiB; 0 keeps nothing.
   */
  readonly cacheBytes: number;
}

/** The caps used unless others are given. */
export const defaultLimits: ArchiveLimits = {
  manifestBytes: 16 * 2 ** 20,
  manifestValues: 1_000_000,
  assetBytes: 256 * 2 ** 20,
  cacheBytes: 16 * 2 ** 20,
};
