/** Bytes of a file of a checkpoint. */
export interface StoredRange {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}
