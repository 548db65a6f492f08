/** What a machine can do and holds, as measured in some tenths of a second. */
export interface MachineSpeed {
  /** Memory of the process before a run begins, in bytes. */
  readonly processBytes: number;
  /** Multiplications with addition in a product of float32 matrices, on the backend. */
  readonly multiplyAddsPerSecond: number;
  /** Bytes of numbers that become an archive's: split, compressed, hashed and written. */
  readonly numberBytesPerSecond: number;
  /** Bytes of packed levels that become an archive's: hashed and written, for they do not compress. */
  readonly levelBytesPerSecond: number;
}
