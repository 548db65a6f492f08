/** What a machine can do and holds, as measured in some tenths of a second. */
export interface MachineSpeed {
  /** Memory of the process before a run begins, in bytes. */
  readonly processBytes: number;
  /** Multiplications with addition in a product of float32 matrices, on the backend. */
  readonly multiplyAddsPerSecond: number;
  /** Weights that are read, rounded to nearest and packed. */
  readonly roundingsPerSecond: number;
  /** Bytes of an archive that are hashed, compressed where that pays, and written. */
  readonly archiveBytesPerSecond: number;
}
