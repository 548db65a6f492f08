/** A tensor's values in memory, row-major. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** A float32 tensor under a name. */
export interface NamedTensorData {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}
