/** Keeps bytes under keys of its own choosing, in memory or on disk. */
export interface ValueStorage {
  /** Keeps a copy-free hold of bytes, which the caller no longer changes; gives their key. */
  save(bytes: Uint8Array): Promise<number>;
  /** The bytes of a key; do not write to them. */
  load(key: number): Promise<Uint8Array>;
  /** Forgets a key. */
  remove(key: number): Promise<void>;
  /** Forgets everything. Nothing can be saved afterwards. */
  close(): Promise<void>;
}
